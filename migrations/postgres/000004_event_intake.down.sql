-- Removes the intake of events with everything it has stored.
set local lock_timeout = '5s';

drop function ensure_event_partition(text, timestamptz);
drop table rejected_requests;
drop table event_processing_logs;
drop table event_content_keys;
drop table event_keys;
drop table events;
drop function find_event_source(text);
drop table event_source_secrets;
drop table event_sources;
drop table event_types;
