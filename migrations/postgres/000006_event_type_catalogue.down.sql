-- Removes the built-in event types; those of organizations stay.
set local lock_timeout = '5s';

delete from event_types where organization_id is null;
