//! The version of a product that is in the store, as a part of other statements.

/// Expands to a checked query that selects `store_version` as its last column. `detail` must be the details of a resource in it.
///
/// The parts before and after the column are literals, because sqlx checks only those.
macro_rules! query_with_store_version {
    ($before:literal, $after:literal, $($argument:expr),* $(,)?) => {
        sqlx::query!(
            $before
            + r#"
               (select other.version
                from eqp.resource_detail as other
                join eqp.track on track.account_id = other.account_id and track.resource_kind = other.resource_kind
                              and track.resource_id = other.resource_id and track.flow = 'overall'
                              and track.status = 'released_to_store'
                where other.sku = detail.sku and other.account_id = detail.account_id
                order by other.modified_at desc nulls last
                limit 1) as store_version
            "#
            + $after,
            $($argument),*
        )
    };
}

pub(super) use query_with_store_version;
