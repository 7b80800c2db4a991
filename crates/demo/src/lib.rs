//! The main job, shown: a night of synthetic camera images imported into one port, exported to a second, and brought
//! back, with every digest proven at every step.
//!
//! Never here: anything that the daemon needs; a shortcut that a user's own transfer would not have. The ports are real
//! processes, the connections are HTTPS, and the transfers are those of `portolan cp`.

mod camera;
pub mod fits;
mod journey;
pub mod limits;
pub mod night;
pub mod ports;
pub mod report;
mod room;

#[cfg(test)]
mod tests;

use journey::Journey;
use night::Night;
use ports::Port;
use report::Report;
use std::path::PathBuf;
use terms::Problem;

/// What to show, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `portolan` to run the ports with.
    pub program: PathBuf,
    /// A folder of the demo's own: made, and emptied at the next start.
    pub directory: PathBuf,
    /// The night.
    pub night: Night,
    /// Files and folders of the user's, to be carried too.
    pub extra: Vec<PathBuf>,
}

/// Who looks on.
pub trait Show {
    /// Something new begins.
    fn step(&self, title: &str);
    /// How far it is: files and bytes done, and of how many.
    fn progress(&self, files: u64, files_all: u64, bytes: u64, bytes_all: u64);
    /// Something that a person may want to know.
    fn notice(&self, text: &str);
}

/// A journey that ended well, with its ports still up.
pub struct Ended {
    /// The table.
    pub report: Report,
    /// Both ports.
    pub ports: [Port; 2],
}

impl Ended {
    /// Ends both ports.
    pub async fn stop(self) {
        let [a, b] = self.ports;
        tokio::join!(a.stop(), b.stop());
    }
}

/// Does it all. Whatever ends it early, `stop` included (then the answer is `None`), both ports are ended before it
/// returns.
pub async fn run(
    mut options: Options,
    show: &dyn Show,
    stop: impl Future<Output = ()>,
) -> Result<Option<Ended>, Problem> {
    net::install_crypto_provider();
    room::check_extra(&mut options)?;
    room::prepare(&options.directory)?;
    room::fit(&mut options, show)?;
    let mut stop = std::pin::pin!(stop);
    show.step("starting two ports");
    let a = Port::start(&options.program, "A", &options.directory).await?;
    let b = match Port::start(&options.program, "B", &options.directory).await {
        Ok(b) => b,
        Err(problem) => {
            a.stop().await;
            return Err(problem);
        }
    };
    let outcome = {
        let journey = async { Journey::begin(&options, show, &a, &b).await?.run().await };
        tokio::select! {
            outcome = journey => Some(outcome),
            () = &mut stop => None,
        }
    };
    match outcome {
        Some(Ok(report)) => Ok(Some(Ended { report, ports: [a, b] })),
        other => {
            tokio::join!(a.stop(), b.stop());
            other.transpose().map(|_| None)
        }
    }
}
