-- Forgets what people have decided about findings; the findings themselves come from the ledger.
set local lock_timeout = '5s';

drop table insight_findings;
