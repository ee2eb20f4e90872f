//! `eqp simulator`: runs a simulated Marketplace on this machine.

mod environment_file;
mod folder;
pub(crate) mod report;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eqp_receiver::LocalCa;
use eqp_simulator::{
    CallbackForm, CallbackList, Empty, FaultRule, NewVersions, Script, Simulator as Marketplace, Spelling,
};
use eqp_types::Environment;
use tokio::sync::broadcast::error::RecvError;

use self::environment_file::EnvironmentFile;
use self::folder::SimulatorFolder;
use self::report::{introduce, line};
use crate::arguments;
use crate::arguments::whole;
use crate::config::ListenAddress;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result, listening};
use crate::shutdown;

const DEFAULT_LISTEN: ListenAddress = ListenAddress(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7443));

/// The format of callbacks.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// Current format: status of all flows, with a timestamp
    Later,
    /// Older format: one flow, without a timestamp
    First,
}

/// The script that decides the results of scans and reviews.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scenario {
    /// Everything passes
    Plain,
    /// Packages named "badges" are rejected once, files named "infected" fail their scan, and some callbacks are duplicated,
    /// late or unknown
    Demo,
}

/// The variant to use for fields that the API is known to write in two ways.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SpellingOption {
    /// content_type, pass, in-progress, current_status, padded hours, actions as lists, pricing_model
    Usual,
    /// content-type, passed, queued, eqp_state, hours without a zero, actions as one string, pricing_type
    Other,
}

/// How a new version of a product treats missing fields.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum NewVersionsOption {
    /// Missing fields are inherited from the version in the store
    Inherit,
    /// A missing required field is an error
    Strict,
}

/// How an empty object is written.
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
    /// Omitted
    Absent,
}

/// Run a simulated Marketplace on this machine, with its API, reviews and callbacks
///
/// Prints how to connect, and writes the CA, the access key and a file with environment variables to a folder. The CA
/// and the access key are reused by the next start; all other state is in memory. While the simulator runs, the
/// variables are in eqp.env; a second simulator in the same folder writes eqp-PORT.env. The simulator trusts the local
/// CA of the data folder, so it can send callbacks to `eqp serve` on the same machine.
#[derive(Args, Debug)]
#[command(after_help = "\
Faults are 'FAULT [CONDITION…]', the same here and in the control API (docs/simulator.md):
  of calls         latency=TIME  dead-token  too-many-requests=TIME[,date]
                   status=CODE[,html|,empty]  html  error-body=CODE  wrong-shape  cut  cut-body
                   answer-lost  huge=SIZE  endless
    conditions     call=NAME  method=METHOD  path=PATTERN
  of callbacks     duplicates=NUMBER  late=TIME  dropped  swapped  first-form  unknown-event=CODE
                   unknown-fields
    conditions     event=CODE  flow=FLOW  status=STATUS  resource=PATTERN
  any condition    nth=NUMBER[,NUMBER]  rate=SHARE  times=NUMBER

Examples:
  eqp simulator
  eqp simulator --speed 60 --scenario demo
  eqp simulator --trust-ca receiver-ca.pem --form first
  eqp simulator --fault 'answer-lost call=packages.create' \\
      --fault 'latency=2s path=/files/*'
  eqp simulator --fault 'status=503,html rate=0.1' \\
      --fault 'duplicates=2 status=approved' --seed 7
  eqp simulator --packages 100000
  . /path/eqp.env && eqp whoami     # in a second terminal, see the output")]
pub(crate) struct Simulator {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value_t = DEFAULT_LISTEN)]
    listen: ListenAddress,
    /// Run scans, reviews and launches this many times faster (timestamps show the wall clock)
    #[arg(long, value_name = "FACTOR", default_value_t = 10.0, value_parser = arguments::speed)]
    speed: f64,
    /// Random seed; the same seed gives the same IDs and results
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = whole::<u64>)]
    seed: u64,
    /// Format of callbacks
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Form::Later)]
    form: Form,
    /// Scenario that files, reviews and callbacks follow
    #[arg(long, value_enum, value_name = "SCENARIO", default_value_t = Scenario::Plain)]
    scenario: Scenario,
    /// Fault to inject into calls or callbacks, as 'FAULT [CONDITION…]' (repeatable)
    #[arg(long, value_name = "FAULT")]
    fault: Vec<FaultRule>,
    /// Number of packages that exist from the start
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = whole::<usize>)]
    packages: usize,
    /// Variant to use for fields that the API is known to write in two ways
    #[arg(long, value_enum, value_name = "SPELLING", default_value_t = SpellingOption::Usual)]
    spelling: SpellingOption,
    /// Format of empty objects in profiles and packages
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = EmptyOption::List)]
    empty: EmptyOption,
    /// Handling of fields that a new version omits and the version in the store has
    #[arg(long, value_enum, value_name = "RULE", default_value_t = NewVersionsOption::Inherit)]
    new_versions: NewVersionsOption,
    /// Make a PUT of the profile merge the list of callbacks instead of replacing it
    #[arg(long)]
    merge_callbacks: bool,
    /// Certificate (PEM) of a CA to trust when sending callbacks (repeatable)
    #[arg(long, value_name = "FILE")]
    trust_ca: Vec<PathBuf>,
    /// Folder for CA, access key and environment variables [default: simulator in the data folder]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl Simulator {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let stop = shutdown::requested();
        let data = context.settings.data.open()?;
        let folder = SimulatorFolder::open(self.folder.clone().unwrap_or_else(|| data.path().join("simulator")))?;
        let receiver_ca = LocalCa::open(&data.tls()).map_err(|error| Failure::from(eqp_receiver::Error::Tls(error)))?;
        let marketplace = self.start(context, &folder, receiver_ca.certificate_pem()).await?;
        let lines = folder.environment(marketplace.base_url(), marketplace.environment());
        let output = context.output;
        let environment_file =
            EnvironmentFile::write(folder.path(), marketplace.address().port(), lines, move |path| {
                let path = path.display();
                output.note(format_args!("{path} now points to this simulator, because the other one has stopped"));
            })?;
        introduce(output, &marketplace, &folder, environment_file.path())?;
        if environment_file.is_second() {
            output.note("another simulator runs in this folder, and eqp.env belongs to it");
        }

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

    async fn start(&self, context: &Context, folder: &SimulatorFolder, receiver_ca: &str) -> Result<Marketplace> {
        let mut builder = Marketplace::builder()
            // Production has all reviews; the sandbox has no manual QA.
            .environment(context.settings.marketplace.environment.unwrap_or(Environment::Production))
            .bind(self.listen.0)
            .speed(self.speed)
            .seed(self.seed)
            .form(match self.form {
                Form::Later => CallbackForm::Later,
                Form::First => CallbackForm::First,
            })
            .script(match self.scenario {
                Scenario::Plain => Script::new(),
                Scenario::Demo => Script::demo(),
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
            eqp_simulator::Error::Bind { address, source } => listening(*address, source),
            eqp_simulator::Error::Speed(_) | eqp_simulator::Error::TrustedCertificate(_) => {
                Failure::usage("invalid simulator options").because(&error)
            }
            _ => Failure::new(Exit::Failed, "the simulator cannot start").because(&error),
        })
    }
}
