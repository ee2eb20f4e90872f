//! Messages as consumers have fetched them.

/// A message as a consumer has fetched it. Its body is passed on unchanged, also if a newer version has written it.
#[derive(Clone, Copy, Debug)]
pub struct RawMessage<'a> {
    /// The ID of the message.
    pub id: &'a str,
    /// The type, for example `submission.status_changed`.
    pub type_name: &'a str,
    /// The number of the replay that the message is part of.
    pub replay: Option<i64>,
    /// The body as JSON.
    pub body: &'a str,
}
