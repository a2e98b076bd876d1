-- What has landed of each kind of source: files, their size, and a word that changes with any content.
-- Grain: kind.
select kind, count(*)::bigint as files, sum(size_bytes)::bigint as size_bytes,
    md5(string_agg(concat_ws(' ', source, uri, file_id, decoder), chr(10) order by source, uri)) as state
from raw.file group by kind order by kind
