//! Encodes callbacks for the spool's tables without loss, so that draining stores exactly what was received.

use std::net::IpAddr;

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use super::RefusedRow;
use eqp_store::internal::callback::CallbackRow;

/// Endpoint, credential, time of receipt (nanoseconds since 1970), source, headers, body.
type Fields<'a> = (i64, i64, i128, &'a str, &'a [u8], &'a [u8]);
/// The value of a queued callback: its ID and its fields.
pub(super) type Queued = (u128, Fields<'static>);
/// The value of a quarantined callback, whose ID is the key: its fields, then the error code and message of Postgres and the
/// time of the rejection.
pub(super) type Quarantined = (Fields<'static>, (&'static str, &'static str, i128));

/// A record that this program did not write.
#[derive(Debug)]
pub(super) struct Unreadable;

/// Returns the source as text, for [`Fields`] to borrow.
pub(super) fn source(row: &CallbackRow) -> String {
    row.source.to_string()
}

pub(super) fn queued<'a>(row: &'a CallbackRow, source: &'a str) -> (u128, Fields<'a>) {
    (row.id.as_u128(), fields(row, source))
}

pub(super) fn quarantined<'a>(refused: &'a RefusedRow, source: &'a str) -> (Fields<'a>, (&'a str, &'a str, i128)) {
    let reason = (refused.sqlstate.as_str(), refused.reason.as_str(), refused.refused_at.unix_timestamp_nanos());
    (fields(&refused.row, source), reason)
}

pub(super) fn read_queued((id, fields): (u128, Fields<'_>)) -> Result<CallbackRow, Unreadable> {
    row(id, fields)
}

pub(super) fn read_quarantined(
    id: u128,
    (fields, (sqlstate, reason, refused_at)): (Fields<'_>, (&str, &str, i128)),
) -> Result<RefusedRow, Unreadable> {
    Ok(RefusedRow {
        row: row(id, fields)?,
        sqlstate: sqlstate.to_owned(),
        reason: reason.to_owned(),
        refused_at: timestamp(refused_at)?,
    })
}

fn fields<'a>(row: &'a CallbackRow, source: &'a str) -> Fields<'a> {
    (row.endpoint_id, row.credential_id, row.received_at.unix_timestamp_nanos(), source, &row.headers, &row.body)
}

fn row(id: u128, fields: Fields<'_>) -> Result<CallbackRow, Unreadable> {
    let (endpoint_id, credential_id, received_at, source, headers, body) = fields;
    Ok(CallbackRow {
        id: Uuid::from_u128(id),
        endpoint_id,
        credential_id,
        received_at: timestamp(received_at)?,
        source: source.parse::<IpAddr>().map_err(|_| Unreadable)?,
        headers: headers.to_vec(),
        body: Bytes::copy_from_slice(body),
    })
}

fn timestamp(nanoseconds: i128) -> Result<OffsetDateTime, Unreadable> {
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).map_err(|_| Unreadable)
}
