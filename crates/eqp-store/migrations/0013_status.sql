-- The status of products (`eqp status`): which submissions are not finished, which are in the store, and what belongs to them.

alter table eqp.resource_detail
    -- The submission is reviewed as a patch. Null if it is not known.
    add column is_patch    boolean,
    -- The file of the submission's archive.
    add column artifact_id text check (octet_length(artifact_id) between 1 and 255);

-- The submission of an archive, for example of one whose malware scan has not ended.
create index resource_detail_by_artifact on eqp.resource_detail (artifact_id) where artifact_id is not null;

-- The submissions that are not finished: drafts, those in review, those that were rejected, and those that are approved and wait for
-- their launch. Of those that were canceled, only the few whose review had ended with a rejection.
create index track_unfinished on eqp.track (account_id, resource_id)
    where resource_kind = 'submission'
      and (flow = 'overall' and status not in ('released_to_store', 'developer_removed_from_store',
                                               'admin_removed_from_store', 'canceled_by_developer', 'canceled_by_admin')
           or flow in ('technical', 'marketing')
              and status not in ('draft', 'approved', 'approved_with_modifications_pending', 'recalled'));

-- The newest submissions that are or were in the store, or that Adobe has canceled.
create index track_in_store on eqp.track (account_id, event_seq desc)
    where resource_kind = 'submission' and flow = 'overall'
      and status in ('released_to_store', 'developer_removed_from_store', 'admin_removed_from_store', 'canceled_by_admin');


-- Links with which people outside can read the page of one submission, without a token. A link contains `eqp_link_`, its number, and 32
-- random bytes; it is shown once and not stored. Deleted 400 days after it expired or was revoked.
create table eqp.submission_link (
    -- Part of the link: every request finds its row by this key.
    id            bigint      generated always as identity primary key,
    account_id    bigint      not null references eqp.account (id),
    submission_id text        not null check (octet_length(submission_id) between 1 and 255),
    -- The SHA-256 of the random bytes.
    hash          bytea       not null check (octet_length(hash) = 32),
    created_at    timestamptz not null default now(),
    created_by    text        not null check (octet_length(created_by) between 1 and 200),
    expires_at    timestamptz not null,
    -- Recorded at most once per minute.
    last_used_at  timestamptz,
    revoked_at    timestamptz
);
