-- Submissions and files as people think of them, put together from their tracks: nothing to keep in step.

create view eqp.submission as
select account_id,
       subject                                            as submission_id,
       max(item_id)                                       as item_id,
       max(outcome) filter (where flow = 'overall')       as overall,
       max(outcome) filter (where flow = 'technical')     as technical,
       max(outcome) filter (where flow = 'marketing')     as marketing,
       max(modified_at)                                   as modified_at,
       max(received_at)                                   as received_at,
       max(event_seq)                                     as event_seq,
       bool_or(tied)                                      as tied
from eqp.track
where kind = 'submission'
group by account_id, subject;

create view eqp.file as
select account_id,
       subject as file_upload_id,
       outcome as malware,
       modified_at,
       received_at,
       event_seq,
       tied
from eqp.track
where kind = 'file'
  and flow = 'malware';
