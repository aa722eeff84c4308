"""A published alert rule does not change; an alert keeps what it was raised for, goes its way forward only, and is
accepted by somebody who had no hand in it; every word said about it stays."""

from django.db import migrations

STAY = """
create function projects_alert_rule_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        if old.state <> 'draft' then perform projects_no('a published alert rule is kept'); end if;
        return old;
    end if;
    if tg_op = 'INSERT' then
        if new.state <> 'draft' then perform projects_no('an alert rule begins as a draft'); end if;
        return new;
    end if;
    if old.state <> 'draft' and (to_jsonb(new) - 'state') is distinct from (to_jsonb(old) - 'state') then
        perform projects_no('a published alert rule does not change');
    end if;
    if old.state = 'retired' and new.state <> 'retired' or old.state = 'published' and new.state = 'draft' then
        perform projects_no('an alert rule does not go back');
    end if;
    if new.state = 'published' and old.state = 'draft' and new.drafted_by_id is not null
            and new.published_by_id is null then
        perform projects_no('an alert rule is published by somebody else than who drafted it');
    end if;
    return new;
end $$;
create trigger alert_rule_stays before insert or update or delete on projects_alertrule
    for each row execute function projects_alert_rule_stays();

create function projects_alert_moves() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then perform projects_no('an alert is kept'); end if;
    if tg_op = 'INSERT' then
        if new.state <> 'open' then perform projects_no('an alert begins open'); end if;
        if new.code <> (select code from projects_alertrule where id = new.rule_id) then
            perform projects_no('an alert is of its rule');
        end if;
        return new;
    end if;
    if (new.project_id, new.rule_id, new.code, new.thing, new.occasion, new.facts, new.raised_on)
            is distinct from (old.project_id, old.rule_id, old.code, old.thing, old.occasion, old.facts, old.raised_on) then
        perform projects_no('an alert keeps what it was raised for');
    end if;
    if old.state = 'closed' and (to_jsonb(new) - 'ended_on') is distinct from (to_jsonb(old) - 'ended_on') then
        perform projects_no('a closed alert stays as it is');
    end if;
    if old.state = 'open' and new.state = 'closed' then
        perform projects_no('an alert is closed after it has been explained');
    end if;
    if old.state = 'explained' and new.state = 'explained' and (new.explanation <> old.explanation
            or new.explained_by_id <> old.explained_by_id) then
        perform projects_no('an explanation stays until it is sent back');
    end if;
    if new.state = 'closed' and old.state <> 'closed' and (new.closed_by_id = new.owner_id or exists (
            select 1 from projects_alertanswer w where w.alert_id = new.id and w.kind = 'explained'
                and new.closed_by_id in (w.by_id, w.done_for_id))) then
        perform projects_no('an alert is closed by somebody else than who explained it');
    end if;
    return new;
end $$;
create trigger alert_moves before insert or update or delete on projects_supervisionalert
    for each row execute function projects_alert_moves();

create trigger alert_answers_stay before update or delete on projects_alertanswer
    for each row execute function core_refuse_change();
create trigger supervision_runs_stay before update or delete on projects_supervisionrun
    for each row execute function core_refuse_change();
"""
GO = """
drop trigger supervision_runs_stay on projects_supervisionrun;
drop trigger alert_answers_stay on projects_alertanswer;
drop trigger alert_moves on projects_supervisionalert; drop function projects_alert_moves();
drop trigger alert_rule_stays on projects_alertrule; drop function projects_alert_rule_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_database_promises"), ("projects", "0020_alerts_as_rules")]
    operations = [migrations.RunSQL(STAY, GO)]
