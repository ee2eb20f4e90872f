//! A service that embeds the receiver gets every event, in order, at least once.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod kept;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use eqp_receiver::{Event, Handler, HandlerError, HandlerLoop};
use kept::{Kept, PATIENCE, scan};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Tells the test what it was given, and answers what the test wants.
struct Scripted {
    given: UnboundedSender<i64>,
    answers: Mutex<VecDeque<HandlerError>>,
}

#[async_trait]
impl Handler for Scripted {
    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let _ = self.given.send(event.seq);
        match self.answers.lock().unwrap().pop_front() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// A handler at work.
struct Running {
    given: UnboundedReceiver<i64>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(kept: &Kept, errors: Vec<HandlerError>, with: impl Fn(HandlerLoop) -> HandlerLoop) -> Self {
        let (sender, given) = unbounded_channel();
        let handler = Arc::new(Scripted { given: sender, answers: Mutex::new(errors.into()) });
        let shutdown = CancellationToken::new();
        let work = with(HandlerLoop::new(kept.pool.clone(), "ledger", handler));
        Self { given, task: tokio::spawn(work.run(shutdown.clone())), shutdown }
    }

    async fn next(&mut self) -> i64 {
        timeout(PATIENCE, self.given.recv()).await.expect("in time").expect("the handler lives")
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.task).await.expect("stops in time").unwrap();
    }
}

async fn with_files(names: &[&str]) -> Kept {
    let kept = Kept::new().await;
    project_files(&kept, names).await;
    kept
}

async fn project_files(kept: &Kept, names: &[&str]) {
    let bodies: Vec<String> = names.iter().map(|name| scan(name, "passed")).collect();
    kept.callbacks(&bodies).await;
    kept.project().await;
}

/// Waits until the handler's place is recorded.
async fn recorded(kept: &Kept, seq: i64) {
    let place = || async {
        let sql = "select last_seq from eqp.handler_cursor where name = 'ledger'";
        sqlx::query_scalar::<_, i64>(sql).fetch_optional(&kept.pool).await.unwrap()
    };
    timeout(PATIENCE, async {
        while place().await != Some(seq) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("recorded in time");
}

#[tokio::test]
async fn events_come_in_order_and_a_restart_goes_on_where_it_stood() {
    let kept = with_files(&["a", "b"]).await;
    let mut handler = Running::start(&kept, vec![], |work| work);
    assert_eq!((handler.next().await, handler.next().await), (1, 2));
    project_files(&kept, &["c"]).await;
    assert_eq!(handler.next().await, 3);
    recorded(&kept, 3).await;
    handler.stop().await;

    project_files(&kept, &["d"]).await;
    let mut handler = Running::start(&kept, vec![], |work| work);
    assert_eq!(handler.next().await, 4);
    handler.stop().await;
}

#[tokio::test]
async fn a_failed_event_comes_again_before_the_next() {
    let kept = with_files(&["a", "b"]).await;
    let mut handler = Running::start(&kept, vec![HandlerError::retry("no"), HandlerError::retry("no")], |work| work);
    let given = [handler.next().await, handler.next().await, handler.next().await, handler.next().await];
    assert_eq!(given, [1, 1, 1, 2]);
    handler.stop().await;
}

#[tokio::test]
async fn an_event_that_was_not_finished_comes_again_after_a_restart() {
    let kept = with_files(&["a"]).await;
    let mut handler = Running::start(&kept, (0..100).map(|_| HandlerError::retry("no")).collect(), |work| work);
    assert_eq!(handler.next().await, 1);
    handler.stop().await;
    let mut handler = Running::start(&kept, vec![], |work| work);
    assert_eq!(handler.next().await, 1);
    recorded(&kept, 1).await;
    handler.stop().await;
}

#[tokio::test]
async fn an_event_that_failed_for_good_is_passed_over() {
    let kept = with_files(&["a", "b"]).await;
    let mut handler = Running::start(&kept, vec![HandlerError::for_good("never")], |work| work);
    assert_eq!((handler.next().await, handler.next().await), (1, 2));
    handler.stop().await;
}

#[tokio::test]
async fn a_handler_from_now_on_is_not_told_of_the_past() {
    let kept = with_files(&["a", "b"]).await;
    let mut handler = Running::start(&kept, vec![], HandlerLoop::from_now_on);
    recorded(&kept, 2).await;
    project_files(&kept, &["c"]).await;
    assert_eq!(handler.next().await, 3);
    handler.stop().await;
}

#[tokio::test]
async fn of_two_processes_one_works_and_the_other_takes_over() {
    let kept = with_files(&["a"]).await;
    let mut first = Running::start(&kept, vec![], |work| work);
    assert_eq!(first.next().await, 1);
    recorded(&kept, 1).await;
    let mut second = Running::start(&kept, vec![], |work| work);
    project_files(&kept, &["b"]).await;
    assert_eq!(first.next().await, 2);
    recorded(&kept, 2).await;
    first.stop().await;
    project_files(&kept, &["c"]).await;
    assert_eq!(second.next().await, 3, "and nothing of what the first one did");
    second.stop().await;
}
