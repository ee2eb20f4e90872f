//! `POST /rules/scans` and `POST /rules/reviews`: how scans and reviews end from now on, by name

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::problem::Problem;
use super::wish::{Wish, one_of};
use crate::script::{Review, Scan, Verdict};
use crate::shared::Shared;

const SCANS: [(&str, Scan); 3] = [("passed", Scan::Passes), ("failed", Scan::Fails), ("never", Scan::NeverEnds)];
const VERDICTS: [(&str, Verdict); 3] =
    [("approved", Verdict::Approve), ("rejected", Verdict::Reject), ("never", Verdict::Never)];

/// How the scans of files end whose name fits, of those that are uploaded from now on.
pub(super) async fn scan(State(shared): State<Arc<Shared>>, wish: Wish) -> Result<Json<Value>, Problem> {
    let wish = wish.only(&["filename", "outcome"])?;
    let filename = wish.needed("filename")?;
    let scan = one_of("outcome", wish.needed("outcome")?, &SCANS)?;
    shared.change(|market| market.script_mut().prefer_scan(filename, scan));
    Ok(Json(json!({})))
}

/// How the reviews of submissions end whose id, item id, SKU or name fits, attempt by attempt.
pub(super) async fn review(State(shared): State<Arc<Shared>>, wish: Wish) -> Result<Json<Value>, Problem> {
    let wish = wish.only(&["subject", "technical", "marketing"])?;
    let subject = wish.needed("subject")?;
    let verdicts = |flow: &str| -> Result<Vec<Verdict>, Problem> {
        wish.texts(flow)?.iter().map(|word| one_of(flow, word, &VERDICTS)).collect()
    };
    let review = Review::default().technical(verdicts("technical")?).marketing(verdicts("marketing")?);
    shared.change(|market| market.script_mut().prefer_review(subject, review));
    Ok(Json(json!({})))
}
