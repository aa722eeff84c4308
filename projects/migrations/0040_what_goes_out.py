"""What goes out to the public: only approved projects, and never by whoever drafted the rule of what goes out."""

from django.db import migrations

PROMISE = """
alter table projects_project add constraint project_published_after_approval
    check (not published or state in ('approved', 'works', 'commissioned'));
create function projects_publication_by_two() returns trigger language plpgsql as $$
declare
    rule record;
begin
    select * into rule from projects_publicationrule where id = new.rule_id;
    if rule.city_id <> new.city_id then perform projects_no('the rule of publication belongs to another city'); end if;
    if rule.drafted_by_id is not null and rule.drafted_by_id = new.published_by_id then
        perform projects_no('whoever drafted the rule of publication does not publish by it');
    end if;
    return new;
end $$;
create trigger publication_by_two before insert on projects_publication
    for each row execute function projects_publication_by_two();
"""
TAKE_BACK = """
drop trigger publication_by_two on projects_publication; drop function projects_publication_by_two();
alter table projects_project drop constraint project_published_after_approval;
"""


class Migration(migrations.Migration):
    dependencies = [("projects", "0026_what_was_handed_over_stays")]
    operations = [migrations.RunSQL(PROMISE, TAKE_BACK)]
