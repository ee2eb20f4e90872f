//! `eqp simulator`: a stand-in of the Marketplace on this machine.

mod folder;
mod told;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eqp_receiver::LocalCa;
use eqp_simulator::{
    CallbackForm, CallbackList, Empty, FaultRule, NewVersions, Script, Simulator as Marketplace, Spelling,
};
use eqp_types::Environment;
use tokio::sync::broadcast::error::RecvError;

use self::folder::SimulatorFolder;
use self::told::{introduce, line};
use super::moment;
use crate::compose::shutdown;
use crate::config::ListenAddress;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};

const DEFAULT_LISTEN: ListenAddress = ListenAddress(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7443));

/// The form of callbacks.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// What is sent today: the state of all flows, and a time
    Later,
    /// What was published first: the named flow only, and no time
    First,
}

/// What happens to files, reviews and callbacks.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Course {
    /// Everything passes and nothing goes wrong
    Plain,
    /// Names with "badges" are rejected by marketing once, files with "infected" fail their scan, and some callbacks
    /// come twice, late, or with an unknown code
    Demo,
}

/// Which form is used wherever the API is known to spell something in two ways.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SpellingOption {
    /// content_type, pass, in-progress, current_status, padded hours, actions as lists, pricing_model
    Usual,
    /// content-type, passed, queued, eqp_state, hours without a zero, actions as one text, pricing_type
    Other,
}

/// What a new version of a product does with fields that it lacks.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum NewVersionsOption {
    /// It inherits them from the version in the store
    Inherit,
    /// It is refused where one is needed
    Strict,
}

/// How an object with nothing in it is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum EmptyOption {
    /// []
    List,
    /// {}
    Object,
    /// null
    Null,
    /// ""
    Text,
    /// Left out
    Absent,
}

/// Run a stand-in of the Marketplace on this machine: its API, its reviews, its callbacks
///
/// It prints how to reach it and keeps that in a folder: CA, access key, and the environment variables to use it with.
/// The key stays the same from start to start; everything else lives in memory and ends with it. It trusts the
/// local CA of this data folder, so that `eqp serve` beside it gets its callbacks.
#[derive(Args, Debug)]
#[command(after_help = "\
Faults are 'WHAT [CONDITION…]', the same here and in the control API (docs/simulator.md):
  with calls       latency=TIME  dead-token  too-many-requests=TIME[,date]
                   status=CODE[,html|,empty]  html  error-body=CODE  wrong-shape  cut  cut-body
                   answer-lost  huge=SIZE  endless
    which          call=NAME  method=METHOD  path=PATTERN
  with callbacks   copies=NUMBER  late=TIME  dropped  swapped  first-form  unknown-event=CODE
                   unknown-fields
    which          event=CODE  flow=FLOW  outcome=STATE  subject=PATTERN
  of those         nth=NUMBER[,NUMBER]  rate=SHARE  times=NUMBER

Examples:
  eqp simulator
  eqp simulator --speed 60 --course demo
  eqp simulator --trust-ca receiver-ca.pem --form first
  eqp simulator --fault 'answer-lost call=packages.create' --fault 'latency=2s path=/files/*'
  eqp simulator --fault 'status=503,html rate=0.1' --fault 'copies=2 outcome=approved' --seed 7
  eqp simulator --packages 100000
  . ~/.local/share/eqp/simulator/eqp.env && eqp whoami     # in a second terminal")]
pub(crate) struct Simulator {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value_t = DEFAULT_LISTEN)]
    listen: ListenAddress,
    /// How many times shorter scans, reviews and launches are; timestamps show the wall clock
    #[arg(long, value_name = "TIMES", default_value_t = 10.0, value_parser = moment::speed)]
    speed: f64,
    /// What ids and all chance come from: the same seed gives the same course
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Form of callbacks
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Form::Later)]
    form: Form,
    /// What happens
    #[arg(long, value_enum, value_name = "COURSE", default_value_t = Course::Plain)]
    course: Course,
    /// What goes wrong, with which calls or callbacks: 'WHAT [CONDITION…]'; may be repeated
    #[arg(long, value_name = "FAULT")]
    fault: Vec<FaultRule>,
    /// So many packages are there from the start
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    packages: usize,
    /// Which form is used wherever the API is known to spell something in two ways
    #[arg(long, value_enum, value_name = "SPELLING", default_value_t = SpellingOption::Usual)]
    spelling: SpellingOption,
    /// How an object with nothing in it is written, in profiles and packages
    #[arg(long, value_enum, value_name = "FORM", default_value_t = EmptyOption::List)]
    empty: EmptyOption,
    /// What a new version of a product does with fields that it lacks and the version in the store has
    #[arg(long, value_enum, value_name = "RULE", default_value_t = NewVersionsOption::Inherit)]
    new_versions: NewVersionsOption,
    /// A PUT of the profile adds to the list of callbacks instead of replacing it
    #[arg(long)]
    merge_callbacks: bool,
    /// Certificate (PEM) of a CA to trust when callbacks are sent; may be repeated
    #[arg(long, value_name = "FILE")]
    trust_ca: Vec<PathBuf>,
    /// Folder for CA, access key and environment variables [default: simulator in the data folder]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl Simulator {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let stop = shutdown::requested();
        let data = context.settings.data.open()?;
        let folder = SimulatorFolder::open(self.folder.clone().unwrap_or_else(|| data.path().join("simulator")))?;
        let receiver_ca = LocalCa::open(&data.tls()).map_err(|error| Failure::from(eqp_receiver::Error::Tls(error)))?;
        let marketplace = self.start(context, &folder, receiver_ca.certificate_pem()).await?;
        folder.write_environment(marketplace.base_url(), marketplace.environment())?;
        introduce(context.output, &marketplace, &folder)?;

        let mut sent = marketplace.subscribe_sent();
        while let Some(next) = stop.run_until_cancelled(sent.recv()).await {
            match next {
                Ok(sent) => context.output.note(line(&sent)),
                Err(RecvError::Lagged(missed)) => context.output.note(format_args!("({missed} callbacks not shown)")),
                Err(RecvError::Closed) => break,
            }
        }
        marketplace.shutdown().await;
        Ok(())
    }

    async fn start(&self, context: &Context, folder: &SimulatorFolder, receiver_ca: &str) -> Outcome<Marketplace> {
        let mut builder = Marketplace::builder()
            // The one with everything in it: the sandbox knows no manual QA.
            .environment(context.settings.marketplace.environment.unwrap_or(Environment::Production))
            .bind(self.listen.0)
            .speed(self.speed)
            .seed(self.seed)
            .form(match self.form {
                Form::Later => CallbackForm::Later,
                Form::First => CallbackForm::First,
            })
            .script(match self.course {
                Course::Plain => Script::new(),
                Course::Demo => Script::demo(),
            })
            .callback_list(if self.merge_callbacks { CallbackList::Merge } else { CallbackList::Replace })
            .account(SimulatorFolder::mage_id()?, folder.key())
            .ca_folder(folder.path())
            .control_token(folder.control_token())
            .packages(self.packages)
            .spelling(match self.spelling {
                SpellingOption::Usual => Spelling::Usual,
                SpellingOption::Other => Spelling::Other,
            })
            .new_versions(match self.new_versions {
                NewVersionsOption::Inherit => NewVersions::Inherit,
                NewVersionsOption::Strict => NewVersions::Strict,
            })
            .empty(match self.empty {
                EmptyOption::List => Empty::List,
                EmptyOption::Object => Empty::Object,
                EmptyOption::Null => Empty::Null,
                EmptyOption::Text => Empty::Text,
                EmptyOption::Absent => Empty::Absent,
            })
            .trust_pem(receiver_ca);
        for fault in &self.fault {
            builder = builder.fault(fault.clone());
        }
        for path in &self.trust_ca {
            let pem = std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("cannot read {}", path.display())).because(&error))?;
            builder = builder.trust_pem(&pem);
        }
        builder.start().await.map_err(|error| match &error {
            eqp_simulator::Error::Bind { address, .. } => {
                Failure::new(Exit::Failed, format!("cannot listen on {address}"))
                    .because(&error)
                    .next("stop what listens there, or name another address with --listen")
            }
            eqp_simulator::Error::Speed(_) | eqp_simulator::Error::TrustedCertificate(_) => {
                Failure::usage("the simulator cannot start like this").because(&error)
            }
            _ => Failure::new(Exit::Failed, "the simulator cannot start").because(&error),
        })
    }
}
