-- What was last found about the listings of an account in the store: versions that only Packagist has, and dates that are due.

create table eqp.listing_check (
    account_id bigint      primary key references eqp.account (id),
    checked_at timestamptz not null,
    -- In the form of `eqp_sync::ListingFindings`. Only this project reads it.
    findings   jsonb       not null
);
