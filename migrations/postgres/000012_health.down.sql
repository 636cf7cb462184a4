-- Removes what the health function knows: history of jobs, samples, rules and alerts. Alerts that were sent as events stay.
set local lock_timeout = '5s';

drop view system_health;
drop view performance_optimization_recommendations;
drop view jobs_performance_analysis;
drop view patterns_performance_analysis;
drop view analytics_performance_analysis;
drop view deliveries_performance_analysis;
drop view events_performance_analysis;
drop view executions_performance_analysis;
drop view data_integrity_checks;
drop view data_quality_metrics;
drop view critical_alerts;
drop view database_health_summary;
drop view database_resource_utilization;
drop view slow_query_analysis;
drop view index_usage_analysis;
drop view table_access_patterns;

drop index idx_event_deliveries_dead;
drop function summarize_ingest_keys();
drop function months_ahead();
drop function statement_statistics();
drop function expiring_secrets();
drop function applied_migrations();
drop function database_replicas();
drop function database_sessions();

delete from event_types where organization_id is null and type = 'netra.alert';
drop function publish_alert_event(alerts, text);
drop table alert_recipients;
drop table alerts;
drop table alert_conditions;
drop table alert_rules;
drop table health_samples;

drop function record_job_run(text, bigint, text, jsonb, text, boolean);
drop table job_runs;
drop table job_states;
