-- Removes what ties executions to what was shipped; all of it can be made again from stored events.
set local lock_timeout = '5s';

drop index idx_deployment_records_ended;
drop index idx_tracked_items_linear_issues;
drop index idx_tracked_items_pull_requests;
alter table tracked_items drop column head_repository_id;
drop table repository_names;
drop function repository_key(text);
