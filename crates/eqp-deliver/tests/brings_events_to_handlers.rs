//! Tests that a service that embeds the receiver gets every event, in order, at least once.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use eqp_deliver::{Event, Handler, HandlerError, HandlerLoop};
use eqp_store::ResourceKind;
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, file, scan};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Passes each event to the test, and returns the result that the test chooses.
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

/// A running handler.
struct Running {
    given: UnboundedReceiver<i64>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(
        database: &CallbackDatabase,
        errors: Vec<HandlerError>,
        with: impl Fn(HandlerLoop) -> HandlerLoop,
    ) -> Self {
        let (sender, given) = unbounded_channel();
        let handler = Scripted { given: sender, answers: Mutex::new(errors.into()) };
        let shutdown = CancellationToken::new();
        let work = with(HandlerLoop::new(database.pool.clone(), "ledger", handler));
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

async fn with_files(names: &[&str]) -> CallbackDatabase {
    let database = CallbackDatabase::new().await;
    project_files(&database, names).await;
    database
}

async fn project_files(database: &CallbackDatabase, names: &[&str]) {
    let bodies: Vec<String> = names.iter().map(|name| scan(name, "passed")).collect();
    database.callbacks(&bodies).await;
    database.project().await;
}

/// Waits until the handler's position is stored.
async fn recorded(database: &CallbackDatabase, seq: i64) {
    let place = || async {
        let sql = "select last_seq from eqp.handler_cursor where name = 'ledger'";
        sqlx::query_scalar::<_, i64>(sql).fetch_optional(&database.pool).await.unwrap()
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
    let database = with_files(&["a", "b"]).await;
    let mut handler = Running::start(&database, vec![], |work| work);
    assert_eq!((handler.next().await, handler.next().await), (1, 2));
    project_files(&database, &["c"]).await;
    assert_eq!(handler.next().await, 3);
    recorded(&database, 3).await;
    handler.stop().await;

    project_files(&database, &["d"]).await;
    let mut handler = Running::start(&database, vec![], |work| work);
    assert_eq!(handler.next().await, 4);
    handler.stop().await;
}

#[tokio::test]
async fn the_baseline_of_an_account_is_only_delivered_on_request() {
    let database = CallbackDatabase::new().await;
    let mut past = database.read(ResourceKind::File, file("a", "pass"));
    past.baseline = true;
    assert_eq!(database.reads(&[past]).await, 1);
    database.project().await;
    project_files(&database, &["b"]).await;

    let mut handler = Running::start(&database, vec![], |work| work);
    assert_eq!(handler.next().await, 2);
    recorded(&database, 2).await;
    handler.stop().await;

    sqlx::query("delete from eqp.handler_cursor").execute(&database.pool).await.unwrap();
    let mut handler = Running::start(&database, vec![], HandlerLoop::with_baseline);
    assert_eq!((handler.next().await, handler.next().await), (1, 2));
    handler.stop().await;
}

#[tokio::test]
async fn a_failed_event_comes_again_before_the_next() {
    let database = with_files(&["a", "b"]).await;
    let mut handler =
        Running::start(&database, vec![HandlerError::retry("no"), HandlerError::retry("no")], |work| work);
    let given = [handler.next().await, handler.next().await, handler.next().await, handler.next().await];
    assert_eq!(given, [1, 1, 1, 2]);
    handler.stop().await;
}

#[tokio::test]
async fn an_event_that_was_not_finished_comes_again_after_a_restart() {
    let database = with_files(&["a"]).await;
    let mut handler = Running::start(&database, (0..100).map(|_| HandlerError::retry("no")).collect(), |work| work);
    assert_eq!(handler.next().await, 1);
    handler.stop().await;
    let mut handler = Running::start(&database, vec![], |work| work);
    assert_eq!(handler.next().await, 1);
    recorded(&database, 1).await;
    handler.stop().await;
}

#[tokio::test]
async fn an_event_that_failed_permanently_is_skipped() {
    let database = with_files(&["a", "b"]).await;
    let mut handler = Running::start(&database, vec![HandlerError::permanent("never")], |work| work);
    assert_eq!((handler.next().await, handler.next().await), (1, 2));
    handler.stop().await;
}

/// A slow handler that reports its start and end.
struct Slow {
    steps: UnboundedSender<&'static str>,
    may_end: Arc<tokio::sync::Notify>,
}

#[async_trait]
impl Handler for Slow {
    async fn handle(&self, _event: &Event) -> Result<(), HandlerError> {
        let _ = self.steps.send("begins");
        self.may_end.notified().await;
        let _ = self.steps.send("ends");
        Ok(())
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("in time")
}

#[tokio::test]
async fn a_handler_at_work_comes_to_its_end_though_its_lease_is_lost_or_cannot_be_renewed() {
    let renewal_fails = "alter table eqp.handler_cursor rename to hidden";
    let another_has_it = "update eqp.handler_cursor
                          set lease_owner = gen_random_uuid(), leased_until = now() + interval '1 hour'";
    for (trouble, repair) in [
        (renewal_fails, "alter table eqp.hidden rename to handler_cursor"),
        (another_has_it, "update eqp.handler_cursor set leased_until = now() - interval '1 hour'"),
    ] {
        let database = with_files(&["a"]).await;
        let (steps, mut said) = unbounded_channel();
        let may_end = Arc::new(tokio::sync::Notify::new());
        let slow = Slow { steps, may_end: Arc::clone(&may_end) };
        let shutdown = CancellationToken::new();
        let work = HandlerLoop::new(database.pool.clone(), "ledger", slow);
        let task = tokio::spawn(work.run(shutdown.clone()));
        assert_eq!(in_time(said.recv()).await, Some("begins"));
        sqlx::raw_sql(trouble).execute(&database.pool).await.unwrap();
        // Longer than the renewal interval, because renewals cannot be observed from here.
        assert!(timeout(std::time::Duration::from_secs(5), said.recv()).await.is_err(), "it is still at work");
        may_end.notify_one();
        assert_eq!(in_time(said.recv()).await, Some("ends"), "{trouble}");
        sqlx::raw_sql(repair).execute(&database.pool).await.unwrap();
        // If another process had the lease, the event may be delivered again, but is never lost.
        may_end.notify_one();
        recorded(&database, 1).await;
        shutdown.cancel();
        in_time(task).await.unwrap();
    }
}

/// Answers queries until there are no more.
struct Echo {
    asked: tokio::sync::Mutex<UnboundedReceiver<()>>,
    answered: UnboundedSender<()>,
}

#[async_trait]
impl Handler for Echo {
    async fn handle(&self, _event: &Event) -> Result<(), HandlerError> {
        let mut asked = self.asked.lock().await;
        while asked.recv().await.is_some() {
            let _ = self.answered.send(());
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_renewal_that_the_database_does_not_answer_does_not_hold_a_handler_up() {
    let database = with_files(&["a"]).await;
    let (ask, asked) = unbounded_channel();
    let (answered, mut answers) = unbounded_channel();
    let echo = Echo { asked: tokio::sync::Mutex::new(asked), answered };
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(HandlerLoop::new(database.pool.clone(), "ledger", Arc::new(echo)).run(shutdown.clone()));
    ask.send(()).unwrap();
    in_time(answers.recv()).await.unwrap();
    let mut blocker = database.pool.begin().await.unwrap();
    sqlx::query("select from eqp.handler_cursor for update").execute(&mut *blocker).await.unwrap();
    let waiting = async || {
        let sql = "select count(*) from pg_stat_activity
                   where datname = current_database() and wait_event_type = 'Lock' and query like '%handler_cursor%'";
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&database.pool).await.unwrap()
    };
    let mut seen = 0;
    let mut waits = Vec::new();
    for _ in 0..3 {
        in_time(async {
            while waiting().await <= seen {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
        seen = waiting().await;
        let begun = std::time::Instant::now();
        ask.send(()).unwrap();
        in_time(answers.recv()).await.unwrap();
        waits.push(begun.elapsed());
    }
    // A renewal waits for five seconds. An earlier result shows that the handler does not wait for it.
    assert!(waits.iter().any(|wait| wait.as_secs() < 3), "{waits:?}");
    blocker.rollback().await.unwrap();
    drop(ask);
    recorded(&database, 1).await;
    shutdown.cancel();
    in_time(task).await.unwrap();
}

#[tokio::test]
async fn a_handler_at_work_comes_to_its_end_at_shutdown() {
    let database = with_files(&["a", "b"]).await;
    let (steps, mut said) = unbounded_channel();
    let may_end = Arc::new(tokio::sync::Notify::new());
    let slow = Slow { steps, may_end: Arc::clone(&may_end) };
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(HandlerLoop::new(database.pool.clone(), "ledger", slow).run(shutdown.clone()));
    assert_eq!(in_time(said.recv()).await, Some("begins"));
    shutdown.cancel();
    may_end.notify_one();
    in_time(task).await.unwrap();
    assert_eq!(said.recv().await, Some("ends"));
    assert_eq!(said.recv().await, None, "and is given no more");
    recorded(&database, 1).await;
}

/// Fails on one event, with one kind of failure.
struct Failing {
    on: i64,
    how: fn() -> HandlerError,
    given: UnboundedSender<i64>,
}

#[async_trait]
impl Handler for Failing {
    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let _ = self.given.send(event.seq);
        if event.seq == self.on { Err((self.how)()) } else { Ok(()) }
    }

    fn max_attempts(&self) -> u32 {
        3
    }
}

#[tokio::test]
async fn an_event_that_a_handler_fails_on_becomes_a_dead_letter_and_blocks_nothing() {
    let retried: fn() -> HandlerError = || HandlerError::retry("no room");
    for (how, attempts, error) in [
        (retried, 3, "no room"),
        (|| HandlerError::permanent("never\0"), 1, r"never\u{0}"),
        (|| panic!("a bug"), 3, "the handler panicked; see the log"),
    ] {
        let database = with_files(&["a", "b", "c"]).await;
        let (given, mut events) = unbounded_channel();
        let shutdown = CancellationToken::new();
        let failing = Failing { on: 2, how, given };
        let work = HandlerLoop::new(database.pool.clone(), "ledger", failing);
        let task = tokio::spawn(work.run(shutdown.clone()));
        recorded(&database, 3).await;
        shutdown.cancel();
        in_time(task).await.unwrap();
        let mut seen = Vec::new();
        while let Some(seq) = events.recv().await {
            seen.push(seq);
        }
        let expected: Vec<i64> = [vec![1], vec![2; attempts as usize], vec![3]].concat();
        assert_eq!(seen, expected, "{error}");
        let reader = eqp_store::Reader::new(database.pool.clone());
        let letters = reader.dead_letters(Some("ledger"), 10).await.unwrap();
        let letters: Vec<_> = letters.iter().map(|one| (one.seq, one.attempts, one.error.as_str())).collect();
        assert_eq!(letters, [(2, attempts, error)]);
        assert!(reader.dead_letters(Some("other"), 10).await.unwrap().is_empty());
        assert_eq!(reader.dead_letters(None, 10).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_handler_from_now_on_does_not_receive_past_events() {
    let database = with_files(&["a", "b"]).await;
    let mut handler = Running::start(&database, vec![], HandlerLoop::from_now_on);
    recorded(&database, 2).await;
    project_files(&database, &["c"]).await;
    assert_eq!(handler.next().await, 3);
    handler.stop().await;
}

#[tokio::test]
async fn of_two_processes_one_works_and_the_other_takes_over() {
    let database = with_files(&["a"]).await;
    let mut first = Running::start(&database, vec![], |work| work);
    assert_eq!(first.next().await, 1);
    recorded(&database, 1).await;
    let mut second = Running::start(&database, vec![], |work| work);
    project_files(&database, &["b"]).await;
    assert_eq!(first.next().await, 2);
    recorded(&database, 2).await;
    first.stop().await;
    project_files(&database, &["c"]).await;
    assert_eq!(second.next().await, 3, "and nothing of what the first one did");
    second.stop().await;
}
