-- Deferred rows name what was deleted as other records do.
update sync_deferred
set content = json_remove(
    json_set(content, '$.is_deleted', json(iif(json_extract(content, '$.is_dead'), 'true', 'false'))), '$.is_dead'
)
where json_type(content, '$.is_dead') is not null;
