//! Plays the runs of a plan that are missing, several at a time, each worker a process of its own.

use super::ledger::{Ledger, Tally, csv_twins, digest};
use super::plan::{Plan, PlannedRun, Shard};
use super::store::{Failure, Need, Outcome, Store};
use super::worker::Reply;
use crate::error::{Error, Result, one_line};
use crate::run::output::host;
use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often `runs.parquet` is written while a sweep runs.
const LEDGER_EVERY: Duration = Duration::from_secs(5);

/// How often to look whether to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long to wait before asking again for a run that another process plays.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// What the operating system says where nothing can be written: full, over quota, read-only.
const DISK_ERRORS: [&str; 3] = ["os error 28", "os error 122", "os error 30"];

/// How to play a plan.
#[derive(Clone, Debug)]
pub struct Execution {
    /// Workers at a time.
    pub jobs: usize,
    /// The part of the plan to play.
    pub shard: Shard,
    /// Threads of each worker.
    pub threads: usize,
    /// The program that plays runs, `fisc` itself.
    pub program: PathBuf,
    /// Set to ask for a stop: [`FINISH`] or [`ABANDON`].
    pub stop: Arc<AtomicU8>,
}

/// Finish the runs in progress, begin no other.
pub const FINISH: u8 = 1;
/// Give up the runs in progress, too.
pub const ABANDON: u8 = 2;

/// What a sweep came to.
#[derive(Clone, Debug)]
pub struct Swept {
    /// Of all runs of the plan, not only of the shard.
    pub tally: Tally,
    /// Runs of the shard that this call finished.
    pub played: usize,
    /// Runs of the shard that had finished before.
    pub skipped: usize,
    /// Finished runs whose rows were made again.
    pub mended: usize,
    /// Runs of the shard that another process finished in the meantime.
    pub elsewhere: usize,
    /// What was found damaged, run by run.
    pub damage: Vec<String>,
    /// Failures of this call: run, why.
    pub failures: Vec<(String, Failure)>,
    /// Runs of earlier plans in the folder, which no table shows.
    pub strangers: usize,
    /// SHA-256 of all results.
    pub sha256: String,
    /// Commits of fisc that made the finished runs, if several.
    pub commits: Vec<String>,
    /// Why the sweep ended before its time, if it did.
    pub stopped: Option<String>,
}

/// What happens while a sweep runs.
#[derive(Clone, Debug)]
pub enum Event {
    /// So many runs are to be played.
    Begin(usize),
    /// Another process plays this run; it is asked for again.
    Waiting { run: String },
    /// A worker is at this fraction of its run.
    Progress { worker: usize, fraction: f64 },
    /// A run has finished; `mended` where only its rows were made again.
    Finished {
        worker: usize,
        run: String,
        cost: f64,
        seconds: f64,
        mended: bool,
    },
    /// A run has failed.
    Failed {
        worker: usize,
        run: String,
        failure: Failure,
    },
}

struct Queue<'a> {
    waiting: VecDeque<Job<'a>>,
    playing: usize,
    stopped: Option<String>,
}

/// A run to be played.
#[derive(Clone, Copy)]
struct Job<'a> {
    run: &'a PlannedRun,
    /// Such runs are all played by the first worker, so that the model is in memory once.
    local_model: bool,
}

/// Plays what is missing of `plan` in the folder of `store`, and writes all tables.
///
/// # Errors
/// The folder holds something else (exit code 2), or cannot be read or written. A run that fails is no
/// error: see [`Swept::failures`].
pub fn execute(
    store: &Store,
    plan: &Plan,
    how: &Execution,
    tell: &(dyn Fn(Event) + Sync),
) -> Result<Swept> {
    store.prepare(plan)?;
    let strangers = store.drop_strangers(plan)?;
    let mut damage = Vec::new();
    let mut skipped = 0;
    let mut waiting = VecDeque::new();
    let shard = plan.shard(how.shard);
    let needs: Vec<Need> = {
        use rayon::prelude::*;
        let needs: Vec<Result<Need>> = shard
            .par_iter()
            .map(|run| store.need(plan, run, true))
            .collect();
        needs.into_iter().collect::<Result<_>>()?
    };
    for (run, need) in shard.into_iter().zip(needs) {
        match need {
            Need::Nothing => {
                skipped += 1;
                continue;
            }
            Need::Again(what) => {
                damage.push(format!("runs/{}: {what}; it is played again", run.run))
            }
            Need::Parts if store.part("years.parquet", &run.run).is_file() => {
                damage.push(format!(
                    "the rows of run {} are damaged; they are made again",
                    run.run
                ));
            }
            Need::Parts | Need::Renumbered | Need::Run => {}
        }
        waiting.push_back(Job {
            run,
            local_model: plan.point(run)?.local_model,
        });
    }
    let mut ledger = Ledger::default();
    ledger.write(store, plan)?;
    tell(Event::Begin(waiting.len()));
    let jobs = how.jobs.clamp(1, waiting.len().max(1));
    let queue = Mutex::new(Queue {
        waiting,
        playing: 0,
        stopped: None,
    });
    let children: Vec<Mutex<Option<Child>>> = (0..jobs).map(|_| Mutex::new(None)).collect();
    let (send, events) = channel();
    let collected = std::thread::scope(|scope| {
        for (worker, child) in children.iter().enumerate() {
            let lane = Lane {
                worker,
                store,
                how,
                queue: &queue,
                child,
                stop_on_error: plan.stop_on_error,
                send: send.clone(),
            };
            scope.spawn(move || lane.work());
        }
        drop(send);
        let abandon = || {
            if how.stop.load(Ordering::Relaxed) == ABANDON {
                for child in &children {
                    if let Some(child) = &mut *locked(child) {
                        // One that is gone already is what is wanted.
                        let _ = child.kill();
                    }
                }
            }
        };
        collect(store, plan, &mut ledger, events, tell, &abandon)
    });
    let collected = collected?;
    let stopped = queue
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .stopped
        .or(collected.stopped);
    let tally = ledger.write(store, plan).map_err(|error| match &stopped {
        Some(why) => error.context(why.clone()),
        None => error,
    })?;
    if plan.csv {
        csv_twins(store, plan)?;
    }
    let outcomes = ledger.outcomes(store, plan)?;
    let mut commits: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Finished(receipt) => Some(receipt.git_commit.clone()),
            _ => None,
        })
        .collect();
    commits.sort_unstable();
    commits.dedup();
    Ok(Swept {
        tally,
        played: collected.played,
        skipped,
        mended: collected.mended,
        elsewhere: collected.elsewhere,
        damage,
        failures: collected.failures,
        strangers,
        sha256: digest(&outcomes, plan),
        commits,
        stopped,
    })
}

#[derive(Default)]
struct Collected {
    played: usize,
    mended: usize,
    elsewhere: usize,
    waited: HashSet<String>,
    failures: Vec<(String, Failure)>,
    stopped: Option<String>,
}

/// Takes what the lanes say until the last of them ends.
fn collect(
    store: &Store,
    plan: &Plan,
    ledger: &mut Ledger,
    events: Receiver<Event>,
    tell: &(dyn Fn(Event) + Sync),
    look: &dyn Fn(),
) -> Result<Collected> {
    let mut collected = Collected::default();
    let mut written = Instant::now();
    let mut cannot_write = None;
    loop {
        look();
        let event = match events.recv_timeout(LOOK_EVERY) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        match &event {
            Event::Begin(_) | Event::Progress { .. } => {}
            Event::Waiting { run } => {
                collected.waited.insert(run.clone());
            }
            // What another process played while this one waited needs no more than a look.
            Event::Finished { run, mended, .. } if collected.waited.contains(run) && *mended => {
                collected.elsewhere += 1;
            }
            Event::Finished { mended: true, .. } => collected.mended += 1,
            Event::Finished { .. } => collected.played += 1,
            Event::Failed { run, failure, .. } => {
                // Whatever room is left must do for saying so.
                if is_of_disk(&failure.message) {
                    store.release_reserve();
                    collected.stopped = Some(format!(
                        "{} cannot be written: {}",
                        store.root.display(),
                        failure.message
                    ));
                }
                if let Err(error) = store.fail(run, failure) {
                    ledger.remember(run, Outcome::Failed(failure.clone()));
                    collected.stopped.get_or_insert(error.to_string());
                }
                collected.failures.push((run.clone(), failure.clone()));
            }
        }
        tell(event);
        if written.elapsed() > LEDGER_EVERY {
            cannot_write = ledger.write(store, plan).err();
            written = Instant::now();
        }
    }
    match (cannot_write, &collected.stopped) {
        (Some(error), None) => Err(error),
        _ => Ok(collected),
    }
}

fn is_of_disk(message: &str) -> bool {
    DISK_ERRORS.iter().any(|error| message.contains(error))
}

/// One worker process after another, each playing runs until it dies or nothing is left.
struct Lane<'q, 'a> {
    worker: usize,
    store: &'q Store,
    how: &'q Execution,
    queue: &'q Mutex<Queue<'a>>,
    /// The process, where others can end it.
    child: &'q Mutex<Option<Child>>,
    stop_on_error: bool,
    send: Sender<Event>,
}

/// The pipes to a worker process.
struct Pipes {
    jobs: ChildStdin,
    replies: BufReader<ChildStdout>,
}

impl<'a> Lane<'_, 'a> {
    fn work(&self) {
        let mut pipes = None;
        while let Some(job) = self.next() {
            let begun = Instant::now();
            let reply = match self.open(&mut pipes) {
                Ok(open) => self.play(open, &job.run.run),
                Err(error) => Err(error.to_string()),
            };
            let reply = match reply {
                Ok(reply) => reply,
                Err(message) => {
                    pipes = None;
                    if self.how.stop.load(Ordering::Relaxed) == ABANDON {
                        self.done();
                        break;
                    }
                    Reply::Failed(Failure {
                        stage: "worker".to_owned(),
                        message,
                        wall_seconds: begun.elapsed().as_secs_f64(),
                        host: host(),
                        attempts: 1,
                    })
                }
            };
            match reply {
                Reply::Progress(_) => {}
                Reply::Busy => {
                    self.tell(Event::Waiting {
                        run: job.run.run.clone(),
                    });
                    locked(self.queue).waiting.push_back(job);
                    std::thread::sleep(BUSY_WAIT);
                }
                Reply::Finished { cost, mended } => self.tell(Event::Finished {
                    worker: self.worker,
                    run: job.run.run.clone(),
                    cost,
                    seconds: begun.elapsed().as_secs_f64(),
                    mended,
                }),
                Reply::Failed(mut failure) => {
                    failure.message = one_line(&failure.message);
                    if is_of_disk(&failure.message) {
                        self.stop("the output folder cannot be written");
                    } else if self.stop_on_error {
                        self.stop("a run failed, and `on_error` is \"stop\"");
                    }
                    self.tell(Event::Failed {
                        worker: self.worker,
                        run: job.run.run.clone(),
                        failure,
                    });
                }
            }
            self.done();
        }
        // Its input ends with the pipes, and with it the process.
        drop(pipes);
        let child = locked(self.child).take();
        if let Some(mut child) = child {
            let _ = child.wait();
        }
    }

    /// The next run, if there is one to begin.
    fn next(&self) -> Option<Job<'a>> {
        loop {
            if self.how.stop.load(Ordering::Relaxed) >= FINISH {
                self.stop("interrupted");
            }
            let mut queue = locked(self.queue);
            if queue.stopped.is_some() {
                return None;
            }
            let mine = |job: &Job| self.worker == 0 || !job.local_model;
            if let Some(at) = queue.waiting.iter().position(mine) {
                queue.playing += 1;
                return queue.waiting.remove(at);
            }
            if queue.playing == 0 || self.worker > 0 {
                return None;
            }
            // A run in progress may come back, because another process plays it.
            drop(queue);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn done(&self) {
        locked(self.queue).playing -= 1;
    }

    fn stop(&self, why: &str) {
        locked(self.queue).stopped.get_or_insert(why.to_owned());
    }

    fn tell(&self, event: Event) {
        // The collector outlives the lanes.
        let _ = self.send.send(event);
    }

    /// The pipes to a running process, which is started where there is none.
    fn open<'p>(&self, pipes: &'p mut Option<Pipes>) -> Result<&'p mut Pipes> {
        match pipes {
            Some(open) => Ok(open),
            None => Ok(pipes.insert(self.start()?)),
        }
    }

    fn start(&self) -> Result<Pipes> {
        let log = self.store.root.join("log.txt");
        let stderr = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_or_else(|_| Stdio::null(), Stdio::from);
        let mut command = Command::new(&self.how.program);
        command
            .arg("sweep-worker")
            .arg(&self.store.root)
            .arg(self.how.threads.to_string())
            .env("RAYON_NUM_THREADS", self.how.threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr);
        #[cfg(unix)]
        {
            // Ctrl-C is for the sweep, which decides what becomes of its workers.
            use std::os::unix::process::CommandExt;
            command.process_group(0);
        }
        let broken = |error| Error::run(format!("starting a worker process: {error}"));
        let mut child = command.spawn().map_err(broken)?;
        let pipes = match (child.stdin.take(), child.stdout.take()) {
            (Some(jobs), Some(replies)) => Pipes {
                jobs,
                replies: BufReader::new(replies),
            },
            _ => return Err(Error::run("starting a worker process: no pipes")),
        };
        *locked(self.child) = Some(child);
        Ok(pipes)
    }

    /// Has a run played; the error says how the process died.
    fn play(&self, pipes: &mut Pipes, run: &str) -> Result<Reply, String> {
        if pipes.jobs.write_all(format!("{run}\n").as_bytes()).is_err() {
            return Err(self.epitaph());
        }
        let mut line = String::new();
        loop {
            line.clear();
            match pipes.replies.read_line(&mut line) {
                Ok(read) if read > 0 => {}
                _ => return Err(self.epitaph()),
            }
            match serde_json::from_str(&line) {
                Ok(Reply::Progress(fraction)) => self.tell(Event::Progress {
                    worker: self.worker,
                    fraction,
                }),
                Ok(reply) => return Ok(reply),
                // Something else wrote to the process's output.
                Err(_) => {}
            }
        }
    }

    /// How the process ended.
    fn epitaph(&self) -> String {
        let Some(mut child) = locked(self.child).take() else {
            return "the worker process is gone".to_owned();
        };
        let _ = child.kill();
        let Ok(status) = child.wait() else {
            return "the worker process is gone".to_owned();
        };
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt;
            if let Some(signal) = status.signal() {
                let hint = match signal {
                    9 => " (SIGKILL): killed from outside, or by the system for want of memory",
                    6 => " (SIGABRT): see log.txt",
                    11 => " (SIGSEGV): see log.txt",
                    15 => " (SIGTERM): killed from outside",
                    _ => "",
                };
                return format!("the worker process died of signal {signal}{hint}");
            }
        }
        format!("the worker process ended ({status}): see log.txt")
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Whoever panicked holding it left it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
