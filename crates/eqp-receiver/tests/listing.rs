//! Lists of submissions return the same as the view and stay fast with many submissions.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::time::{Duration, Instant};

use eqp_store::{Submission, SubmissionFilter};
use eqp_test_support::callbacks::CallbackDatabase;
use eqp_types::Environment;
use sqlx::{AssertSqlSafe, Executor};

/// Returns the number of submissions, which is more than one scan covers. Set `EQP_SUBMISSIONS` to measure with more.
fn count() -> u32 {
    std::env::var("EQP_SUBMISSIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(6_000)
}

/// Creates submissions with three tracks of two events each, of which the later one is the current status. The first
/// fifth are old drafts; one in five hundred is rejected, one in a thousand ambiguous, and one in ten in the sandbox.
async fn filled(count: u32) -> CallbackDatabase {
    let database = CallbackDatabase::new().await;
    database.beside("sandbox", "MAG2", "second").await;
    let fill = format!(
        "create table numbers as
             select number, flow, place, case when number % 10 = 0 then 2 else 1 end as account,
                    'submission-' || number as resource_id,
                    case when number <= {count} / 5 then 'draft'
                         when flow = 'technical' and number % 500 = 0 then 'rejected'
                         when number % 3 = 0 then 'in_progress'
                         else 'approved' end as status,
                    number % 1000 = 0 and flow = 'technical' as ambiguous
             from generate_series(1, {count}) as number,
                  (values ('overall', 1), ('technical', 2), ('marketing', 3)) as flows (flow, place);
         insert into eqp.track (id, account_id, resource_kind, resource_id, flow, item_id, status, modified_at, ambiguous,
                                received_at, event_seq)
             select number * 3 + place, account, 'submission', resource_id, flow, 'item-' || number / 2, status, now(), ambiguous,
                    now(), 3 * {count} + number * 3 + place
             from numbers;
         insert into eqp.event (seq, track_id, account_id, kind, resource_id, flow, status, modified_at, received_at, origin,
                                explicit, disposition, applied)
             select number * 3 + place, number * 3 + place, account, 'submission', resource_id, flow, 'in_automation',
                    now() - interval '1 day', now(), 'callback', true, 'applied', true
             from numbers;
         insert into eqp.event (seq, track_id, account_id, kind, resource_id, flow, status, modified_at, received_at, origin,
                                explicit, disposition, applied)
             select 3 * {count} + number * 3 + place, number * 3 + place, account, 'submission', resource_id, flow, status,
                    now(), now(), 'callback', true, case when ambiguous then 'ambiguous' else 'applied' end, true
             from numbers;
         analyze eqp.event; analyze eqp.track;"
    );
    database.pool.execute(AssertSqlSafe(fill)).await.unwrap();
    database
}

/// Returns filters, each with the equivalent query of the view.
fn questions() -> Vec<(SubmissionFilter, String)> {
    let one = SubmissionFilter::default;
    let some = |text: &str| Some(text.to_owned());
    let of = |account: &str| format!("account_id in (select id from eqp.account where {account})");
    vec![
        (one(), "true".to_owned()),
        (SubmissionFilter { limit: 1, ..one() }, "true".to_owned()),
        (SubmissionFilter { overall: some("approved"), ..one() }, "overall = 'approved'".to_owned()),
        (SubmissionFilter { technical: some("rejected"), ..one() }, "technical = 'rejected'".to_owned()),
        (SubmissionFilter { overall: some("draft"), ..one() }, "overall = 'draft'".to_owned()),
        (SubmissionFilter { overall: some("in_automation"), ..one() }, "false".to_owned()),
        (SubmissionFilter { overall: some("nothing"), ..one() }, "false".to_owned()),
        (
            SubmissionFilter { overall: some("approved"), technical: some("rejected"), ..one() },
            "overall = 'approved' and technical = 'rejected'".to_owned(),
        ),
        (SubmissionFilter { ambiguous: Some(true), ..one() }, "ambiguous".to_owned()),
        (
            SubmissionFilter { ambiguous: Some(false), marketing: some("in_progress"), ..one() },
            "not ambiguous and marketing = 'in_progress'".to_owned(),
        ),
        (SubmissionFilter { environment: Some(Environment::Sandbox), ..one() }, of("environment = 'sandbox'")),
        (
            SubmissionFilter { environment: Some(Environment::Sandbox), overall: some("draft"), ..one() },
            of("environment = 'sandbox'") + " and overall = 'draft'",
        ),
        (
            SubmissionFilter { submission_id: some("submission-777"), ..one() },
            "submission_id = 'submission-777'".to_owned(),
        ),
        (SubmissionFilter { item_id: some("item-777"), ..one() }, "item_id = 'item-777'".to_owned()),
        (SubmissionFilter { before_seq: Some(21_000), ..one() }, "seq < 21000".to_owned()),
        (
            SubmissionFilter { before_seq: Some(21_000), overall: some("draft"), ..one() },
            "seq < 21000 and overall = 'draft'".to_owned(),
        ),
        (SubmissionFilter { before_seq: Some(0), ..one() }, "false".to_owned()),
    ]
}

fn ids(page: &[Submission]) -> Vec<(String, i64)> {
    page.iter().map(|submission| (submission.submission_id.clone(), submission.seq)).collect()
}

#[tokio::test]
async fn every_question_is_answered_as_the_view_would() {
    let database = filled(count()).await;
    let reader = database.reader();
    let mut slowest = Duration::ZERO;
    for (filter, condition) in questions() {
        let sql = format!(
            "select submission_id, seq from eqp.v_submission where {condition} order by seq desc limit {}",
            filter.limit
        );
        let expected: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&database.pool).await.unwrap();
        let mut times = Vec::new();
        for _ in 0..20 {
            let begun = Instant::now();
            let page = reader.submissions(&filter).await.unwrap();
            times.push(begun.elapsed());
            assert_eq!(ids(&page), expected, "{condition}");
        }
        times.sort_unstable();
        println!("p95 {:>10.3?} of {condition}", times[18]);
        slowest = slowest.max(times[18]);
    }
    println!("slowest p95 {slowest:?} of {} submissions", count());
}

#[tokio::test]
async fn pages_follow_one_another_without_a_gap() {
    let database = filled(3_000).await;
    let reader = database.reader();
    let mut seen = Vec::new();
    let mut before_seq = None;
    loop {
        let page =
            reader.submissions(&SubmissionFilter { before_seq, limit: 700, ..SubmissionFilter::default() }).await;
        let page = page.unwrap();
        let Some(last) = page.last() else { break };
        before_seq = Some(last.seq);
        seen.extend(ids(&page));
    }
    assert!(seen.is_sorted_by(|one, next| one.1 > next.1));
    assert_eq!(seen.len(), 3_000);
}
