//! `portolan policy`: who may do what, and why. Works on settings and archive beside a running port, or asks one.

mod explain;
mod matrix;

use super::{EXIT_IN_THE_WAY, SettingsArguments, print, say};
use daemon::rules;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: SettingsArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Tell what would be answered to whom, by which rule, and what would change it
    #[command(after_help = explain::AFTER_HELP)]
    Explain(Box<explain::Arguments>),
    /// Tell all that is wrong with the rules of the settings
    Check,
    /// Print all rules in Cedar's language, as they are put into force
    Show {
        /// Print what rules in Cedar's language can speak of, instead
        #[arg(long)]
        schema: bool,
    },
    /// Print who may do what where, as a table
    Matrix(matrix::Arguments),
}

pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let settings = match &arguments.action {
        Action::Show { schema: true } => {
            print(rules::schema());
            return ExitCode::SUCCESS;
        }
        Action::Explain(wanted) if wanted.is_remote() => return explain::remote(wanted).await,
        _ => arguments.settings.read(),
    };
    let settings = match settings {
        Ok(settings) => settings,
        Err(problem) => return super::tell(&problem, EXIT_IN_THE_WAY),
    };
    let faults = rules::faults(&settings);
    if !faults.is_empty() {
        // What is wrong is what was asked for: data.
        faults.iter().for_each(|fault| print(&format!("{fault}\n")));
        return ExitCode::from(EXIT_IN_THE_WAY);
    }
    let done = match arguments.action {
        Action::Explain(wanted) => explain::local(&settings, &wanted).await,
        Action::Matrix(wanted) => matrix::run(&settings, &wanted).await,
        Action::Check => rules::load(&settings).map(|policy| {
            rules::doubts(&settings).iter().for_each(|doubt| say(&format!("warning: {doubt}")));
            say(&format!("{} rules: no problems", policy.rule_count()));
            ExitCode::SUCCESS
        }),
        Action::Show { .. } => rules::load(&settings).map(|policy| {
            print(&policy.cedar());
            ExitCode::SUCCESS
        }),
    };
    done.unwrap_or_else(|problem| super::tell(&problem, EXIT_IN_THE_WAY))
}
