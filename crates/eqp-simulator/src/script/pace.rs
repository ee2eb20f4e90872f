//! How long things take, in simulated time.

use std::time::Duration;

/// Lengths of everything that the Marketplace takes its time for, in simulated time.
///
/// Each is varied by up to a tenth up or down, by chance from the seed. The real Marketplace takes minutes to weeks; these
/// defaults add up to about three minutes, so that a speed of 30 shows a whole review in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pace {
    /// The malware scan of a file, from its upload.
    pub scan: Duration,
    /// The automated tools, from the end of all scans.
    pub automation: Duration,
    /// The wait for a person who tests.
    pub manual_qa_queue: Duration,
    /// The test by a person.
    pub manual_qa: Duration,
    /// The wait for a person who reads the listing.
    pub marketing_queue: Duration,
    /// The reading of the listing.
    pub marketing: Duration,
    /// From both approvals to the store.
    pub launch: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            scan: Duration::from_secs(25),
            automation: Duration::from_secs(40),
            manual_qa_queue: Duration::from_secs(25),
            manual_qa: Duration::from_secs(45),
            marketing_queue: Duration::from_secs(30),
            marketing: Duration::from_secs(45),
            launch: Duration::from_secs(20),
        }
    }
}
