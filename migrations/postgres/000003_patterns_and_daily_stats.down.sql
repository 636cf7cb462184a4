-- Removes what can be computed again from the ledger.
set local lock_timeout = '5s';

drop function refresh_daily_command_stats();
drop view organization_daily_command_stats;
drop materialized view daily_command_stats;
drop table command_patterns;
