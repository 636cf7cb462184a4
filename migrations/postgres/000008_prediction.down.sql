-- Removes what can be learned again from the ledger.
set local lock_timeout = '5s';

drop function prediction_evidence(uuid, smallint, bytea[]);
drop table prediction_state;
drop table prediction_levels;
drop table prediction_models;
