//! A lab that is up, as those see it who use it: they read its state, run commands on its hosts, and end it.

use crate::failure::{Failure, Tried};
use crate::leftover::{Held, end_processes};
use crate::namespace::open;
use crate::scenario::Scenario;
use crate::supervisor::control::{Answer, Request};
use crate::supervisor::state::{self, State};
use crate::supervisor::{self, control::Status};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change};
use rustix::process::Signal;
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};
use std::ffi::{CString, OsStr};
use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use terms::{Blame, Problem, Retry};

/// How long a supervisor may take to answer, and to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Says in the environment of a command in which lab it runs.
pub const LAB_VARIABLE: &str = "PORTOLAN_LAB";

/// Says in the environment of a command on which host or router it runs.
pub const HOST_VARIABLE: &str = "PORTOLAN_LAB_HOST";

/// How a lab begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Until {
    /// It is up until somebody takes it down.
    #[default]
    Down,
    /// It ends when what [`up`] gave is dropped, and when this process ends, whatever ends it.
    Dropped,
}

/// A lab that is up.
#[derive(Debug)]
pub struct Running {
    name: String,
    folder: PathBuf,
    state: State,
    lifeline: Option<OwnedFd>,
}

/// Brings a network up. Before that, what labs of this user left behind whose supervisor is gone is removed.
pub fn up(scenario: &Scenario, until: Until) -> Result<Running, Problem> {
    sweep()?;
    let folder = folder_of(&scenario.name)?;
    let making = || format!("making {}", folder.display());
    match fs::create_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(already_up(&scenario.name)),
        result => result.tried(making).map_err(Failure::problem)?,
    }
    let started = supervisor::start(scenario, &folder, until == Until::Dropped);
    let attached = started.map_err(Failure::problem).and_then(|lifeline| {
        let mut running = attach(&scenario.name)?;
        running.lifeline = lifeline;
        Ok(running)
    });
    if attached.is_err() {
        // It holds nothing now, and the next sweep would remove it.
        let _ = fs::remove_dir_all(&folder);
    }
    attached
}

/// Finds a lab that is up by its name.
pub fn attach(name: &str) -> Result<Running, Problem> {
    let folder = folder_of(name)?;
    let state = State::read(&folder).filter(State::runs).ok_or_else(|| not_up(name))?;
    Ok(Running { name: name.to_owned(), folder, state, lifeline: None })
}

/// The names of the labs of this user that are up.
pub fn labs() -> Result<Vec<String>, Problem> {
    let mut names = Vec::new();
    for (name, state) in written_down()? {
        if state.is_some_and(|state| state.runs()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The names of the labs of this user whose supervisor is gone, and of which something may be left: see [`sweep`].
pub fn lost() -> Result<Vec<String>, Problem> {
    let gone = |(name, state): (String, Option<State>)| state.is_some_and(|state| !state.runs()).then_some(name);
    let mut names: Vec<String> = written_down()?.into_iter().filter_map(gone).collect();
    names.sort();
    Ok(names)
}

/// Removes what labs of this user left behind whose supervisor is gone: processes in their networks, and their files.
/// Gives the numbers of the processes that were ended.
pub fn sweep() -> Result<Vec<u32>, Problem> {
    let mut ended = Vec::new();
    let room = state::room().tried(|| "finding the folder of labs".to_owned()).map_err(Failure::problem)?;
    for (name, state) in written_down()? {
        match state {
            Some(state) if state.runs() => {}
            Some(state) => {
                if state.boot == state::boot() {
                    ended.extend(end_processes(&state));
                }
                let _ = fs::remove_dir_all(room.join(name));
            }
            // It may be starting now.
            None if is_young(&room.join(&name)) => {}
            None => {
                let _ = fs::remove_dir_all(room.join(name));
            }
        }
    }
    Ok(ended)
}

/// A lab that takes longer to start is no lab.
const STARTING: Duration = Duration::from_secs(60);

fn is_young(folder: &std::path::Path) -> bool {
    let age = fs::metadata(folder).and_then(|facts| facts.modified()).map(|time| time.elapsed());
    matches!(age, Ok(Ok(age)) if age < STARTING)
}

fn written_down() -> Result<Vec<(String, Option<State>)>, Problem> {
    let finding = || "finding the folder of labs".to_owned();
    let room = state::room().tried(finding).map_err(Failure::problem)?;
    let entries = fs::read_dir(&room).tried(finding).map_err(Failure::problem)?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.map(|name| (name.clone(), State::read(&room.join(name)))).collect())
}

fn folder_of(name: &str) -> Result<PathBuf, Problem> {
    if name.is_empty() || name.starts_with('.') || name.contains('/') || name.len() > 64 {
        return Err(Failure::new(format!("'{name}' is no name for a lab.")).problem());
    }
    let room = state::room().tried(|| "making the folder of labs".to_owned()).map_err(Failure::problem)?;
    Ok(room.join(name))
}

impl Running {
    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of the process that holds it.
    pub fn supervisor(&self) -> u32 {
        self.state.process.pid
    }

    /// How it is, and what its links have carried.
    pub fn status(&self) -> Result<Status, Problem> {
        match self.ask(Request::Status).tried(|| "asking the supervisor".to_owned()).map_err(Failure::problem)? {
            Answer::Status(status) => Ok(*status),
            other => Err(Failure::new(format!("The supervisor answered {other:?}.")).problem()),
        }
    }

    fn ask(&self, request: Request) -> io::Result<Answer> {
        let mut stream = net::connect_local(&state::control(&self.folder))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = serde_json::to_vec(&request)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// A command that will run on a host or router: in its network, with a file of hosts that names the others, and with
    /// its devices in /sys. It is a child like any other.
    pub fn command(&self, node: &str, program: impl AsRef<OsStr>) -> Result<Command, Problem> {
        let way = self.way(node)?;
        let mut command = Command::new(program);
        command.env(LAB_VARIABLE, &self.name).env(HOST_VARIABLE, node);
        way.before(&mut command);
        Ok(command)
    }

    /// Brings the calling thread into the network of a host or router: sockets that it opens are there from then on. The
    /// thread should end before the lab does. It needs root, also where the lab does not.
    pub fn enter(&self, node: &str) -> Result<(), Problem> {
        let way = self.way(node)?;
        move_into_link_name_space(way.network.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(io::Error::from)
            .tried(|| format!("entering the network of {node}"))
            .map_err(Failure::problem)
    }

    fn way(&self, node: &str) -> Result<Way, Problem> {
        let Some(place) = self.state.nodes.iter().find(|place| place.name == node) else {
            return Err(no_such_node(&self.name, node, &self.state));
        };
        Way::into(&self.state, place.file, &self.folder)
            .tried(|| format!("finding the way to {node}"))
            .map_err(Failure::problem)
    }

    /// Ends it: the processes in its networks, then the supervisor and all that it holds, then what is written down.
    /// Gives the numbers of the processes that were ended.
    pub fn down(mut self) -> Result<Vec<u32>, Problem> {
        self.end()
    }

    fn end(&mut self) -> Result<Vec<u32>, Problem> {
        let mut ended = end_processes(&self.state);
        if self.state.runs()
            && let Ok(supervisor) = Held::process(self.state.process.pid)
        {
            let told = self.ask(Request::End).is_ok();
            if !(told && supervisor.ends_within(PATIENCE)) {
                supervisor.signal(Signal::KILL);
                if !supervisor.ends_within(PATIENCE) {
                    let text = format!("The supervisor, process {}, does not end.", self.state.process.pid);
                    return Err(Failure::new(text).problem());
                }
            }
        }
        // Somebody may have come in meanwhile.
        ended.extend(end_processes(&self.state));
        self.lifeline = None;
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).tried(|| format!("removing {}", self.folder.display())).map_err(Failure::problem)
            }
            _ => Ok(ended),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.lifeline.is_some() {
            // Where it fails, the lifeline ends the supervisor and the next sweep removes the rest.
            let _ = self.end();
        }
    }
}

/// What a process needs to come into a node.
struct Way {
    user: Option<OwnedFd>,
    network: OwnedFd,
    hosts: CString,
}

impl Way {
    fn into(state: &State, file: i32, folder: &std::path::Path) -> io::Result<Self> {
        let path = |file: i32| format!("/proc/{}/fd/{file}", state.process.pid);
        let user = state.user.map(|user| open(&path(user))).transpose()?;
        let network = open(&path(file))?;
        // The supervisor may have ended meanwhile and another process have its number.
        if !state.runs() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the supervisor is gone"));
        }
        Ok(Self { user, network, hosts: CString::new(state::hosts(folder).as_os_str().as_bytes())? })
    }

    /// Makes a command go this way before it begins.
    #[allow(unsafe_code)]
    fn before(self, command: &mut Command) {
        // SAFETY: what runs between fork and exec makes system calls with prepared arguments and allocates nothing.
        unsafe { command.pre_exec(move || self.go()) };
    }

    fn go(&self) -> io::Result<()> {
        if let Some(user) = &self.user {
            move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))?;
        }
        move_into_link_name_space(self.network.as_fd(), Some(LinkNameSpaceType::Network))?;
        crate::namespace::leave(UnshareFlags::NEWNS)?;
        mount_change(c"/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
        // Names and /sys are a convenience: a system that does not let us show them is no reason to fail.
        let _ = mount_bind(self.hosts.as_c_str(), c"/etc/hosts");
        let _ = mount(c"sysfs", c"/sys", c"sysfs", MountFlags::empty(), None);
        Ok(())
    }
}

fn already_up(name: &str) -> Problem {
    Problem {
        status: 409,
        kind: "lab-already-up",
        title: "The lab is up already",
        detail: format!("A lab called {name} is up, or is starting."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: format!("Take it down with `portolan lab down {name}`, or give this one another name."),
    }
}

fn not_up(name: &str) -> Problem {
    Problem {
        status: 404,
        kind: "lab-not-up",
        title: "The lab is not up",
        detail: format!("No lab of this user that is called {name} is up."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: "Bring it up with `portolan lab up`.".to_owned(),
    }
}

fn no_such_node(name: &str, node: &str, state: &State) -> Problem {
    let nodes: Vec<&str> = state.nodes.iter().map(|node| node.name.as_str()).collect();
    Problem {
        status: 404,
        kind: "lab-has-no-such-host",
        title: "The lab has no such host",
        detail: format!("The lab {name} has no host or router called {node}."),
        blame: Blame::Caller,
        retry: Retry::Never,
        next: format!("Choose one of {}.", nodes.join(", ")),
    }
}
