//! Tests a server that dies while it is in use, and the processes that restart it.

use std::fs;
use std::time::Duration;

use eqp_postgres::{EmbeddedPostgres, Error};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::member::{Member, Scratch};

/// The timeout of all waits, which is only reached if something hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs `work` while the server is kept running.
async fn keeping<T>(postgres: &EmbeddedPostgres, work: impl Future<Output = T>) -> T {
    tokio::select! {
        never = postgres.keep_running() => match never {},
        done = timeout(PATIENCE, work) => done.expect("it comes to its end in time"),
    }
}

/// Kills the server, as the kernel does when memory is low, and returns its process ID.
fn kill_server(scratch: &Scratch) -> i32 {
    let pid = scratch.server_pid().expect("a server");
    kill_process(Pid::from_raw(pid).expect("a process"), Signal::KILL).expect("a kill");
    pid
}

/// Waits for another server that accepts clients, and returns its process ID.
async fn another_than(scratch: &Scratch, options: &PgConnectOptions, ended: &[i32]) -> i32 {
    loop {
        if let Some(pid) = scratch.server_pid()
            && !ended.contains(&pid)
            && PgConnection::connect_with(options).await.is_ok()
        {
            return pid;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_killed_server_comes_back_at_its_place_with_everything_committed() {
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    let options = postgres.connect_options("postgres");
    let mut client = PgConnection::connect_with(&options).await.expect("an answer");
    sqlx::query("create table note as select 'here' as text").execute(&mut client).await.expect("a table");

    keeping(&postgres, async {
        let mut ended = Vec::new();
        // The second and the third one end right after their start.
        for _ in 0..3 {
            ended.push(kill_server(&scratch));
            another_than(&scratch, &options, &ended).await;
        }
        let mut client = PgConnection::connect_with(&options).await.expect("an answer at the same place");
        let text: String = sqlx::query_scalar("select text from note").fetch_one(&mut client).await.expect("the row");
        assert_eq!(text, "here");
    })
    .await;
    postgres.stop().await.expect("a stop");
    assert_eq!(scratch.server_pid(), None, "the last one was to be stopped too");
}

#[tokio::test]
async fn one_that_is_killed_while_it_starts_is_started_once_more() {
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    let options = postgres.connect_options("postgres");
    keeping(&postgres, async {
        let first = kill_server(&scratch);
        let starting = loop {
            match scratch.server_pid() {
                Some(pid) if pid != first => break kill_server(&scratch),
                _ => sleep(Duration::from_millis(1)).await,
            }
        };
        another_than(&scratch, &options, &[first, starting]).await;
    })
    .await;
    postgres.stop().await.expect("a stop");
}

#[tokio::test]
async fn who_only_joined_starts_it_when_the_one_who_had_started_it_is_gone_too() {
    let scratch = Scratch::new();
    let first = Member::of(&scratch.data_folder());
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a join");
    assert!(postgres.joined());
    let options = postgres.connect_options("postgres");
    keeping(&postgres, async {
        first.kill();
        let server = kill_server(&scratch);
        let next = another_than(&scratch, &options, &[server]).await;
        another_than(&scratch, &options, &[server, kill_server(&scratch), next]).await;
    })
    .await;
    postgres.stop().await.expect("a stop");
    assert_eq!(scratch.server_pid(), None);
}

#[tokio::test]
async fn of_two_who_keep_it_running_one_starts_it_and_both_have_it() {
    let scratch = Scratch::new();
    let one = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    let other = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a join");
    let options = other.connect_options("postgres");
    let killings = async {
        let mut ended = Vec::new();
        for _ in 0..2 {
            ended.push(kill_server(&scratch));
            another_than(&scratch, &options, &ended).await;
        }
    };
    keeping(&one, keeping(&other, killings)).await;
    let server = scratch.server_pid();
    one.stop().await.expect("a stop");
    assert_eq!(scratch.server_pid(), server, "the server was to stay for the other");
    PgConnection::connect_with(&options).await.expect("an answer");
    other.stop().await.expect("a stop");
    assert_eq!(scratch.server_pid(), None);
}

#[tokio::test]
async fn a_stop_in_the_middle_of_a_restart_leaves_nothing_running() {
    let scratch = Scratch::new();
    for patience in [0, 5, 20, 60] {
        let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
        let first = kill_server(&scratch);
        keeping(&postgres, async {
            while patience > 0 && scratch.server_pid().is_none_or(|pid| pid == first) {
                sleep(Duration::from_millis(1)).await;
            }
            sleep(Duration::from_millis(patience)).await;
        })
        .await;
        postgres.stop().await.expect("a stop");
        let left = Member::of(&scratch.data_folder());
        assert!(left.started(), "after {patience} ms something ran on: {}", left.said);
        left.leave();
    }
}

#[tokio::test]
async fn nobody_starts_it_again_who_does_not_keep_it_running() {
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    let server = keeping(&postgres, async { kill_server(&scratch) }).await;
    // Its leftovers are only examined by the next start.
    assert_eq!(scratch.server_pid(), Some(server));
    postgres.stop().await.expect("a stop of what has ended");
}

#[tokio::test]
async fn a_folder_that_was_away_for_a_while_is_taken_up_again_and_another_in_its_place_is_not() {
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    let options = postgres.connect_options("postgres");
    let away = scratch.path().join("away");
    keeping(&postgres, async {
        let first = kill_server(&scratch);
        fs::rename(scratch.data_folder(), &away).expect("the folder goes away");
        let stranger = Member::of(&scratch.data_folder());
        assert!(stranger.started(), "{}", stranger.said);
        let theirs = kill_server(&scratch);
        // Long enough for several attempts: the other server is not changed.
        sleep(Duration::from_millis(500)).await;
        assert_eq!(scratch.server_pid(), Some(theirs));
        stranger.leave();
        fs::remove_dir_all(scratch.data_folder()).expect("the stranger goes");
        fs::rename(&away, scratch.data_folder()).expect("the folder is back");
        another_than(&scratch, &options, &[first, theirs]).await;
    })
    .await;
    postgres.stop().await.expect("a stop");
}

#[tokio::test]
async fn nothing_is_made_in_the_place_of_data_that_were_removed() {
    let scratch = Scratch::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let builder = EmbeddedPostgres::builder(scratch.data_folder()).progress(move |step| drop(tell.send(step)));
    let postgres = builder.start().await.expect("a start");
    while told.try_recv().is_ok() {}
    let data = scratch.data_folder().join("data");
    keeping(&postgres, async {
        let server = scratch.server_pid().and_then(Pid::from_raw).expect("a server");
        fs::rename(&data, scratch.path().join("removed")).expect("the data go away");
        kill_process(server, Signal::KILL).expect("a kill");
        // Long enough for several attempts, each of which would report its progress first.
        sleep(Duration::from_secs(1)).await;
    })
    .await;
    assert_eq!(told.try_recv().ok(), None, "nothing was to be begun");
    assert!(!data.exists());
    fs::remove_dir_all(scratch.data_folder()).expect("the rest goes too");
    let error = postgres.stop().await.expect_err("there is nothing to stop");
    assert!(matches!(error, Error::Removed { .. }), "{error:?}");
    assert!(error.to_string().contains("restore the data"), "{error}");
    assert!(!scratch.data_folder().exists());
}

#[tokio::test]
async fn a_server_whose_folder_is_removed_ends_with_its_last_user() {
    let scratch = Scratch::new();
    let postgres = EmbeddedPostgres::builder(scratch.data_folder()).start().await.expect("a start");
    let pid = scratch.server_pid().and_then(Pid::from_raw).expect("a server");
    while fs::remove_dir_all(scratch.data_folder()).is_err() {
        sleep(Duration::from_millis(1)).await;
    }
    postgres.stop().await.expect_err("its folder is gone");
    assert!(rustix::process::test_kill_process(pid).is_err(), "nobody could find it any more");
}

#[tokio::test]
async fn one_that_cannot_be_started_now_is_started_when_it_can() {
    let scratch = Scratch::new();
    let builder = || EmbeddedPostgres::builder(scratch.data_folder());
    let (first, trouble) = builder().start_or_go_on(Duration::ZERO).await.expect("a first start takes what it takes");
    assert!(trouble.is_none(), "{trouble:?}");
    first.stop().await.expect("a stop");

    let local = scratch.data_folder().join("data/local.conf");
    fs::write(&local, "shared_buffers = 'plenty'\n").expect("a broken configuration");
    let (postgres, trouble) = builder().start_or_go_on(PATIENCE).await.expect("nobody needs it yet");
    assert!(trouble.is_some_and(|error| error.to_string().contains("local.conf")));
    let options = postgres.connect_options("postgres");
    PgConnection::connect_with(&options).await.expect_err("nothing runs");
    keeping(&postgres, async {
        fs::remove_file(&local).expect("the cause goes");
        another_than(&scratch, &options, &[]).await;
    })
    .await;
    postgres.stop().await.expect("a stop");
    assert_eq!(scratch.server_pid(), None);
}

#[tokio::test]
async fn one_that_takes_longer_than_it_may_is_there_later() {
    let scratch = Scratch::new();
    let builder = || EmbeddedPostgres::builder(scratch.data_folder());
    builder().start().await.expect("a start").stop().await.expect("a stop");
    for milliseconds in [0, 10, 30] {
        let patience = Duration::from_millis(milliseconds);
        let (postgres, trouble) = builder().start_or_go_on(patience).await.expect("nobody needs it yet");
        assert!(trouble.is_none_or(|error| error.to_string().contains("was not ready after")));
        let options = postgres.connect_options("postgres");
        keeping(&postgres, another_than(&scratch, &options, &[])).await;
        postgres.stop().await.expect("a stop");
        assert_eq!(scratch.server_pid(), None, "after {milliseconds} ms");
    }
}

#[tokio::test]
async fn a_server_that_is_not_ready_in_time_is_left_to_finish_its_start() {
    let scratch = Scratch::new();
    let builder = || EmbeddedPostgres::builder(scratch.data_folder());
    builder().start().await.expect("a start").stop().await.expect("a stop");
    // Repeats until the patience ends during the start of the server, not before or after it.
    for patience in std::iter::successors(Some(Duration::from_millis(20)), |patience| Some(*patience * 3 / 2)) {
        let (postgres, trouble) = builder().start_or_go_on(patience).await.expect("nobody needs it yet");
        let was_late = trouble.is_some();
        let started = scratch.server_pid();
        if was_late && started.is_some() {
            // No process keeps it running.
            let options = postgres.connect_options("postgres");
            let connected = timeout(PATIENCE, async {
                while PgConnection::connect_with(&options).await.is_err() {
                    sleep(Duration::from_millis(10)).await;
                }
            });
            connected.await.expect("the start goes on");
            assert_eq!(scratch.server_pid(), started);
        }
        postgres.stop().await.expect("a stop");
        assert_eq!(scratch.server_pid(), None);
        if started.is_some() {
            assert!(was_late, "no patience ended during a start");
            break;
        }
    }
}
