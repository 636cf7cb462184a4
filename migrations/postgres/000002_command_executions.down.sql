-- Removes the ledger with all its months.
set local lock_timeout = '5s';

drop table analytics_outbox;
drop sequence analytics_batch;
drop table ingest_keys;
drop function ensure_command_executions_partition(timestamptz);
drop table command_executions;
