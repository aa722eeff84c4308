"""Events are numbered in the order in which they become visible, deliveries of one project go one after the other; a deputy
is named by somebody else and never passed on; a route is published by somebody else than who drafted it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

NUMBER = """
update projects_outboxevent e set project_id = p.id from projects_project p where p.ref = e.payload->>'project';
update projects_outboxevent e set number = o.n
    from (select id, row_number() over (order by created_at, id) as n from projects_outboxevent) o where o.id = e.id;
update projects_delivery d set number = e.number, stream = coalesce(e.payload->>'project', e.subject_ref)
    from projects_outboxevent e where e.id = d.event_id;
create sequence projects_event_number;
select setval('projects_event_number', (select coalesce(max(number), 0) + 1 from projects_outboxevent), false);
"""
UNNUMBER = "drop sequence projects_event_number;"

STAY = """
create function projects_event_stays() returns trigger language plpgsql as $$
begin
    perform projects_no('what was told stays as it was told');
    return null;
end $$;
create trigger event_stays before update on projects_outboxevent
    for each row execute function projects_event_stays();

-- a deputy: only the end is added; and nobody acts for somebody through a third
create function projects_deputy_moves() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then perform projects_no('who stood for whom is kept'); end if;
    if tg_op = 'UPDATE' and (old.ended_at is not null or new.ended_at is null or new.valid_to > old.valid_to
            or (to_jsonb(new) - 'ended_at' - 'ended_by_id' - 'valid_to') is distinct from
                (to_jsonb(old) - 'ended_at' - 'ended_by_id' - 'valid_to')) then
        perform projects_no('a deputy is ended, not changed');
    end if;
    if tg_op = 'INSERT' then
        -- two who name each other's deputies at once queue here
        perform pg_advisory_xact_lock(7314160);
        if new.ended_at is null and exists (select 1 from projects_deputy d
                where d.ended_at is null and d.valid_from <= new.valid_to and d.valid_to >= new.valid_from
                    and (d.deputy_id = new.principal_id or d.principal_id = new.deputy_id)) then
            perform projects_no('a deputy is not represented by another deputy');
        end if;
        if exists (select 1 from projects_deputy d
                where d.ended_at is null and d.valid_from <= new.valid_to and d.valid_to >= new.valid_from
                    and d.deputy_id = new.deputy_id and d.principal_id = new.principal_id) then
            perform projects_no('this deputy is named for that time already');
        end if;
    end if;
    return new;
end $$;
create trigger deputy_moves before insert or update or delete on projects_deputy
    for each row execute function projects_deputy_moves();

-- routes: nothing of a published version changes but its retirement
create or replace function projects_route_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        if old.state <> 'draft' then perform projects_no('a published route is kept'); end if;
        return old;
    end if;
    if old.state <> 'draft' and (to_jsonb(new) - 'state') is distinct from (to_jsonb(old) - 'state') then
        perform projects_no('a published route does not change');
    end if;
    if old.state = 'retired' and new.state <> 'retired' or old.state = 'published' and new.state = 'draft' then
        perform projects_no('a route does not go back');
    end if;
    if new.state = 'published' and old.state = 'draft' and new.drafted_by_id is not null and new.published_by_id is null then
        perform projects_no('a route is published by somebody else than who drafted it');
    end if;
    return new;
end $$;
"""
GO = """
drop trigger deputy_moves on projects_deputy;
drop function projects_deputy_moves();
drop trigger event_stays on projects_outboxevent;
drop function projects_event_stays();
create or replace function projects_route_stays() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        if old.state <> 'draft' then perform projects_no('a published route is kept'); end if;
        return old;
    end if;
    if old.state <> 'draft' and (old.sha256 <> new.sha256 or old.document <> new.document or old.version <> new.version
            or old.code <> new.code or old.kind <> new.kind or old.for_tranche <> new.for_tranche) then
        perform projects_no('a published route does not change');
    end if;
    if old.state = 'retired' and new.state <> 'retired' or old.state = 'published' and new.state = 'draft' then
        perform projects_no('a route does not go back');
    end if;
    return new;
end $$;
"""
PERSON = {
    "blank": True, "null": True, "on_delete": django.db.models.deletion.PROTECT, "related_name": "+",
    "to": settings.AUTH_USER_MODEL,
}  # fmt: skip


class Migration(migrations.Migration):

    dependencies = [
        ('projects', '0031_money_holds_on_every_path'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='delivery',
            options={'ordering': ['number'], 'verbose_name': 'delivery', 'verbose_name_plural': 'deliveries'},
        ),
        migrations.AlterModelOptions(
            name='outboxevent',
            options={'ordering': ['number'], 'verbose_name': 'event', 'verbose_name_plural': 'events'},
        ),
        migrations.AddField('outboxevent', 'project', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='projects.project', verbose_name='project')),
        migrations.AddField('outboxevent', 'number', models.BigIntegerField(null=True, verbose_name='number')),
        migrations.AddField('delivery', 'number', models.BigIntegerField(null=True, verbose_name='number')),
        migrations.AddField('delivery', 'stream', models.CharField(default='', max_length=80), preserve_default=False),
        migrations.AddField('delivery', 'replayed_at_attempt', models.PositiveSmallIntegerField(default=0)),
        migrations.RunSQL(NUMBER, UNNUMBER),
        # rows that were changed above have deferred checks waiting
        migrations.RunSQL("set constraints all immediate; set constraints all deferred", migrations.RunSQL.noop),
        migrations.AlterField('outboxevent', 'number', models.BigIntegerField(unique=True, verbose_name='number')),
        migrations.AlterField('delivery', 'number', models.BigIntegerField(verbose_name='number')),
        migrations.AddField('webhook', 'off_at', models.DateTimeField(blank=True, null=True, verbose_name='switched off')),
        migrations.AddField('webhook', 'secret_before', models.CharField(blank=True, max_length=80)),
        migrations.AddField('webhook', 'secret_before_until', models.DateTimeField(blank=True, null=True, verbose_name='the secret before signs until')),
        migrations.AddField('deputy', 'named_by', models.ForeignKey(verbose_name='named by', **PERSON)),
        migrations.AddField('deputy', 'ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended early')),
        migrations.AddField('deputy', 'ended_by', models.ForeignKey(verbose_name='ended by', **PERSON)),
        migrations.AddField('route', 'drafted_by', models.ForeignKey(verbose_name='drafted by', **PERSON)),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['webhook', 'stream', 'number'], name='delivery_waits_in_stream'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['webhook', 'state', 'number'], name='projects_de_webhook_7ddb86_idx'),
        ),
        migrations.RemoveConstraint('deputy', 'deputy_until_after_from'),
        migrations.AddConstraint(
            model_name='deputy',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__gte', models.F('valid_from')), ('ended_at__isnull', False), _connector='OR'), name='deputy_until_after_from'),
        ),
        migrations.AddConstraint(
            model_name='deputy',
            constraint=models.CheckConstraint(condition=models.Q(('named_by', None), models.Q(('named_by', models.F('deputy')), _negated=True), _connector='OR'), name='deputy_named_by_another'),
        ),
        migrations.AddConstraint(
            model_name='route',
            constraint=models.CheckConstraint(condition=models.Q(('published_by', None), models.Q(('published_by', models.F('drafted_by')), _negated=True), _connector='OR'), name='route_by_two_people'),
        ),
        migrations.RunSQL(STAY, GO),
    ]
