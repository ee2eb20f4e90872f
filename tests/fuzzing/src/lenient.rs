//! Target: the answers of the API, with all their spellings of missing values, numbers and text.

use eqp_types::{
    ApiError, BatchItem, ComposerKeys, FileRecord, Package, TestRun, Timestamp, UploadedFile, UserProfile, lenient,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Parses the input once with every type.
#[derive(Serialize, Deserialize)]
struct Readers {
    #[serde(default, deserialize_with = "lenient::optional_text")]
    text: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    integer: Option<i64>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    yes: Option<bool>,
    #[serde(default, deserialize_with = "lenient::readable")]
    time: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    list: Vec<u64>,
}

/// Parses the bytes as every type of answer.
///
/// # Panics
/// If a value changes when it is written and read again.
pub fn lenient(json: &[u8]) {
    comes_back::<Readers>(json);
    comes_back::<Package>(json);
    comes_back::<BatchItem>(json);
    comes_back::<FileRecord>(json);
    comes_back::<UploadedFile>(json);
    comes_back::<UserProfile>(json);
    comes_back::<TestRun>(json);
    // Types that are only read, never written.
    let _ = serde_json::from_slice::<ComposerKeys>(json);
    let _ = serde_json::from_slice::<ApiError>(json);
}

fn comes_back<T: Serialize + DeserializeOwned>(json: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(json) else { return };
    let written = serde_json::to_value(&read).expect("what was read can be written");
    let name = std::any::type_name::<T>();
    let again: T = serde_json::from_str(&written.to_string())
        .unwrap_or_else(|error| panic!("{name} was read and written, and cannot be read: {error}: {written}"));
    let written_again = serde_json::to_value(&again).expect("what was read can be written");
    assert!(are_same(&written, &written_again), "{name} was {written} and is {written_again}");
}

/// Compares numbers with a tolerance: `serde_json` as built here loses the last digits of long fractions, which the API
/// does not use.
fn are_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() => {
            let (a, b) = (a.as_f64().unwrap_or_default(), b.as_f64().unwrap_or_default());
            (a - b).abs() <= a.abs() * 1e-12
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| are_same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| are_same(a, b)))
        }
        _ => one == other,
    }
}
