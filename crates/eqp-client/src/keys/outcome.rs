//! What became of one key of a batch.

use eqp_types::{ComposerKeyM2, lenient};
use serde::Deserialize;

use crate::Error;
use crate::answer::Answer;

/// What became of one key of a batch.
#[derive(Clone, Debug, Deserialize)]
pub struct KeyOutcome {
    /// 200 is success. The answer of an update has no code.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub code: Option<i64>,
    /// The same in words.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub message: Option<String>,
    /// The key, if the answer shows it; a bad item does not.
    #[serde(skip)]
    pub key: Option<ComposerKeyM2>,
}

impl KeyOutcome {
    /// The item was done.
    pub fn is_success(&self) -> bool {
        matches!(self.code, None | Some(200))
    }
}

/// The items of an answer, in the order sent.
pub(super) fn outcomes(answer: &Answer, sent: usize) -> Result<Vec<KeyOutcome>, Error> {
    #[derive(Deserialize)]
    struct List {
        #[serde(default, deserialize_with = "lenient::or_default")]
        m2: Vec<serde_json::Value>,
    }

    let list: List = answer.json()?;
    if list.m2.len() != sent {
        return Err(answer.shape("m2", format!("{sent} items were sent, and {} answered", list.m2.len())));
    }
    let read = |item: serde_json::Value| {
        let key = ComposerKeyM2::deserialize(&item).ok();
        let outcome: KeyOutcome = serde_json::from_value(item)
            .map_err(|_| answer.shape("m2", "an item of another type than documented".to_owned()))?;
        Ok(KeyOutcome { key, ..outcome })
    };
    list.m2.into_iter().map(read).collect()
}
