-- Removes what events were turned into. It can be made again from the events, but for subscriptions and deliveries.
set local lock_timeout = '5s';

drop function cleanup_old_events(integer);
drop function process_pending_deliveries(integer);
drop function process_pending_events(integer);
drop function check_subscription_match(uuid, uuid);
drop function event_matches(events, event_subscriptions);
drop function event_name_matches(text, text);
drop table event_deliveries;
drop table event_subscriptions;
drop function event_condition_holds(jsonb, jsonb);
drop function event_condition_is_valid(jsonb);
delete from analytics_outbox where kind <> 'executions';
alter table analytics_outbox drop column kind;
alter table analytics_outbox rename column record_timestamps to execution_timestamps;
alter table analytics_outbox rename column record_ids to execution_ids;
drop table tracked_items;
drop table deployment_records;
drop table project_repositories;
drop table projects;
drop table repository_commits;
drop table repository_branches;
drop table repositories;
drop table deployment_events;
drop table linear_events;
drop table slack_events;
drop table github_events;
