//! Classifies failed writes of callbacks by what to do next.

/// The meaning of a failed write for its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFailure {
    /// A row cannot be stored because of its data. The other rows can be stored without it.
    Data,
    /// The rows may or may not be stored, and the connection is unusable. The same IDs are written again, in another way.
    Unknown,
    /// The rows are not stored, and another connection would not help.
    Refused,
}

/// Classifies a failure by its SQLSTATE, which is `None` if the connection was lost or the time limit expired.
fn commit_failure(sqlstate: Option<&str>) -> CommitFailure {
    let Some(code) = sqlstate else { return CommitFailure::Unknown };
    match (code.get(..2), code) {
        // Data exceptions and violated constraints.
        (Some("22" | "23"), _) => CommitFailure::Data,
        // Read-only after a failover, connection exceptions, and shutdown or cancellation by an operator.
        (_, "25006") | (Some("08" | "57"), _) => CommitFailure::Unknown,
        _ => CommitFailure::Refused,
    }
}

/// Classifies an error of sqlx.
pub fn of(error: &sqlx::Error) -> CommitFailure {
    commit_failure(error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_consequence() {
        for (sqlstate, consequence) in [
            (Some("22001"), CommitFailure::Data),
            (Some("22P05"), CommitFailure::Data),
            (Some("23514"), CommitFailure::Data),
            (Some("23505"), CommitFailure::Data),
            (Some("25006"), CommitFailure::Unknown),
            (Some("08006"), CommitFailure::Unknown),
            (Some("57014"), CommitFailure::Unknown),
            (Some("57P01"), CommitFailure::Unknown),
            (Some("57P03"), CommitFailure::Unknown),
            (None, CommitFailure::Unknown),
            (Some("25P02"), CommitFailure::Refused),
            (Some("40P01"), CommitFailure::Refused),
            (Some("42P01"), CommitFailure::Refused),
            (Some("42501"), CommitFailure::Refused),
            (Some("53100"), CommitFailure::Refused),
            (Some("53300"), CommitFailure::Refused),
            (Some("58030"), CommitFailure::Refused),
            (Some("XX000"), CommitFailure::Refused),
            (Some("P0001"), CommitFailure::Refused),
            (Some(""), CommitFailure::Refused),
        ] {
            assert_eq!(commit_failure(sqlstate), consequence, "{sqlstate:?}");
        }
    }

    #[test]
    fn an_error_without_an_answer_is_unknown() {
        let lost = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(of(&lost), CommitFailure::Unknown);
        assert_eq!(of(&sqlx::Error::PoolTimedOut), CommitFailure::Unknown);
    }
}
