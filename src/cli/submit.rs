//! `fisc sweep submit`: a sweep on a cluster.

use super::{print, sweep};
use crate::error::{Error, Result};
use crate::run::tables::write_whole;
use crate::sweep::cluster::record::{Options, Record, Round};
use crate::sweep::cluster::resources::Resources;
use crate::sweep::cluster::{
    Batch, hyperqueue, job_name, kubernetes, path_text, quote, shards, slurm,
};
use crate::sweep::codebook;
use crate::sweep::ledger::{Ledger, csv_twins, digest};
use crate::sweep::plan::Plan;
use crate::sweep::store::{Need, Store};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Arguments of `fisc sweep submit`.
#[derive(Debug, clap::Args)]
pub struct SubmitArguments {
    /// Sweep file, or a plan that `fisc sweep --plan` wrote.
    sweep: PathBuf,
    /// What schedules the shards.
    #[arg(long, value_enum, required_unless_present_any = ["resubmit", "collect"])]
    engine: Option<Engine>,
    /// Shards, each a task of its own [default: 16, or the number of runs if that is less].
    #[arg(long, value_name = "N")]
    shards: Option<usize>,
    /// Output folder, on a file system that all machines share [default: outputs/NAME].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Wall time of a task as Slurm writes it: minutes, H:M:S or D-H:M:S [default: 02:00:00].
    #[arg(long)]
    time: Option<String>,
    /// Memory of a task [default: 4G].
    #[arg(long)]
    mem: Option<String>,
    /// CPUs of a task, which plays as many runs at a time, or one on all with a local model [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    cpus: Option<u32>,
    /// Tasks at a time, at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    at_once: Option<u32>,
    /// Partition (slurm).
    #[arg(long)]
    partition: Option<String>,
    /// Account that is charged (slurm).
    #[arg(long)]
    account: Option<String>,
    /// Another option of sbatch, such as --sbatch=--gres=gpu:1 (slurm; again for more).
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    sbatch: Vec<String>,
    /// Container image with fisc in it (kubernetes).
    #[arg(long)]
    image: Option<String>,
    /// Persistent volume claim that holds the output folder (kubernetes).
    #[arg(long)]
    claim: Option<String>,
    /// Where the claim is mounted (kubernetes) [default: /sweep].
    #[arg(long, value_name = "DIR")]
    mount: Option<String>,
    /// The program on the machines that play [default: this one; kubernetes: fisc].
    #[arg(long, value_name = "PATH")]
    fisc: Option<String>,
    /// Submit the shards that are not complete, with the options of the first time unless given.
    #[arg(long)]
    resubmit: bool,
    /// Play nothing: write the tables of all runs that have finished, and say what is missing.
    #[arg(long, conflicts_with_all = ["resubmit", "dry_run", "wait", "engine"])]
    collect: bool,
    /// Print the script and do nothing.
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// Wait until everything has ended.
    #[arg(long)]
    wait: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    /// A job array of Slurm.
    Slurm,
    /// A task array of HyperQueue.
    Hyperqueue,
    /// An Indexed Job of Kubernetes, as a file.
    Kubernetes,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Engine::Slurm => "slurm",
            Engine::Hyperqueue => "hyperqueue",
            Engine::Kubernetes => "kubernetes",
        }
    }

    fn read(name: &str) -> Result<Engine> {
        [Engine::Slurm, Engine::Hyperqueue, Engine::Kubernetes]
            .into_iter()
            .find(|engine| engine.name() == name)
            .ok_or_else(|| {
                Error::run("cluster/submission.json: no such engine")
                    .value(name)
                    .allowed("slurm, hyperqueue, kubernetes")
            })
    }
}

/// A sweep on its way to a cluster.
struct Submission {
    /// The sweep as the user named it, for commands in messages.
    sweep: PathBuf,
    plan: Plan,
    store: Store,
    batch: Batch,
    record: Record,
    wait: bool,
}

impl SubmitArguments {
    /// Runs the command.
    pub fn execute(self) -> Result<()> {
        let (plan, text) = sweep::read(&self.sweep)?;
        let out = (self.out.clone()).unwrap_or_else(|| Path::new("outputs").join(&plan.name));
        let out = std::path::absolute(&out).map_err(|error| Error::io(&out, error))?;
        let store = Store::new(out);
        if self.collect {
            return collect(&store, &plan, &self.sweep);
        }
        let earlier = Record::read(&record_file(&store))?;
        if self.resubmit && earlier.is_none() {
            return Err(Error::input("this sweep was never submitted")
                .value(store.root.display())
                .allowed("--resubmit after a submission with the same --out; before, --engine"));
        }
        let hash = plan_hash(&plan)?;
        if let Some(earlier) = &earlier
            && !self.resubmit
            && !self.dry_run
            && earlier.plan_sha256 == hash
        {
            return Err(Error::input("this sweep was submitted before")
                .value(jobs_in_words(earlier))
                .allowed("--resubmit, which submits the shards that are not complete"));
        }
        let repeated = earlier.as_ref().filter(|_| self.resubmit);
        let engine = match (self.engine, repeated) {
            (Some(engine), _) => engine,
            (None, Some(earlier)) => Engine::read(&earlier.engine)?,
            (None, None) => return Err(Error::input("`--engine` is missing")),
        };
        let options = match repeated {
            Some(earlier) => self.options().or(&earlier.options),
            None => self.options(),
        };
        fits(engine, &options, self.wait)?;
        let of = match (self.shards, repeated) {
            (None, Some(earlier)) if earlier.of <= plan.runs.len() => earlier.of,
            (wanted, _) => shards::number(plan.runs.len(), wanted)?,
        };
        let complete = complete(&store, &plan)?;
        let mut open = shards::incomplete(&complete, of);
        if open.is_empty() {
            return print(&format!(
                "{}: all {} runs have finished, nothing to submit.\nTables: {}\n",
                plan.name,
                plan.runs.len(),
                self.again(&store, "--collect")
            ));
        }
        if let (Some(earlier), false) = (&earlier, self.dry_run) {
            let queued = queued(earlier)?;
            let same = earlier.plan_sha256 == hash && earlier.of == of;
            if !same && !queued.is_empty() {
                return Err(Error::run("tasks of an earlier submission are still in the queue")
                    .value(format!("{}, shards {}", jobs_in_words(earlier), shards::ranges(&queued)))
                    .allowed("end them first (scancel): their plan or number of shards is another one"));
            }
            open.retain(|shard| !queued.contains(shard));
            if !queued.is_empty() {
                print(&format!(
                    "Shards {} are still in the queue and are left to it.\n",
                    shards::ranges(&queued)
                ))?;
            }
            if open.is_empty() {
                return print("Nothing else is missing.\n");
            }
        }
        let batch = self.batch(engine, &plan, &store, of, open, &options)?;
        let placement = slurm::Placement::new(
            options.partition.as_deref(),
            options.account.as_deref(),
            &options.sbatch,
        )?;
        let pods = match engine {
            Engine::Kubernetes => Some(kubernetes::Pods::new(
                options.image.as_deref().unwrap_or_default(),
                options.claim.as_deref().unwrap_or_default(),
                mount(&options),
            )?),
            _ => None,
        };
        let rounds = match &earlier {
            Some(earlier) if earlier.plan_sha256 == hash => earlier.rounds.clone(),
            _ => Vec::new(),
        };
        let round = rounds.len() + 1;
        let script = script_file(&store, engine, round);
        let script_text = path_text(&script)?;
        let written = match (engine, &pods) {
            (Engine::Kubernetes, Some(pods)) => kubernetes::job(&batch, pods, round),
            (Engine::Hyperqueue, _) => hyperqueue::script(&batch, &script_text)?,
            _ => slurm::array(&batch, &placement),
        };
        if self.dry_run {
            return print(&written);
        }
        let program = match engine {
            Engine::Slurm => Some(find("sbatch")?),
            Engine::Hyperqueue => Some(find("hq")?),
            Engine::Kubernetes => None,
        };
        store.prepare(&plan)?;
        codebook::write(&store, &plan)?;
        if let Some(text) = text {
            write_whole(&store.root.join("sweep.toml"), text.as_bytes())?;
        }
        let logs = store.root.join("cluster/logs");
        std::fs::create_dir_all(&logs).map_err(|error| Error::io(&logs, error))?;
        write_whole(&script, written.as_bytes())?;
        let again = self.again(&store, "--resubmit");
        let submission = Submission {
            sweep: self.sweep,
            plan,
            store,
            batch,
            record: Record {
                fisc: env!("CARGO_PKG_VERSION").to_owned(),
                engine: engine.name().to_owned(),
                plan_sha256: hash,
                of,
                options,
                rounds,
            },
            wait: self.wait,
        };
        match (engine, program) {
            (Engine::Slurm, Some(sbatch)) => {
                submission.to_slurm(&sbatch, &script, &placement, &again)
            }
            (Engine::Hyperqueue, Some(hq)) => submission.to_hyperqueue(&hq, &script_text, &again),
            _ => submission.to_kubernetes(&script, &again),
        }
    }

    fn options(&self) -> Options {
        Options {
            time: self.time.clone(),
            mem: self.mem.clone(),
            cpus: self.cpus,
            at_once: self.at_once.map(|number| number as usize),
            partition: self.partition.clone(),
            account: self.account.clone(),
            sbatch: self.sbatch.clone(),
            image: self.image.clone(),
            claim: self.claim.clone(),
            mount: self.mount.clone(),
            fisc: self.fisc.clone(),
        }
    }

    fn batch(
        &self,
        engine: Engine,
        plan: &Plan,
        store: &Store,
        of: usize,
        shards: Vec<usize>,
        options: &Options,
    ) -> Result<Batch> {
        let resources = Resources {
            time: options
                .time
                .as_deref()
                .unwrap_or("02:00:00")
                .parse()
                .map_err(|error: Error| error.context("--time"))?,
            memory: options
                .mem
                .as_deref()
                .unwrap_or("4G")
                .parse()
                .map_err(|error: Error| error.context("--mem"))?,
            cpus: options.cpus.unwrap_or(1),
        };
        let here = std::env::current_exe()
            .map_err(|error| Error::run(format!("finding fisc itself: {error}")))?;
        let folder = std::env::current_dir()
            .map_err(|error| Error::run(format!("the working folder: {error}")))?;
        let (program, out, folder) = match engine {
            Engine::Kubernetes => (
                "fisc".into(),
                mount(options).to_owned(),
                mount(options).to_owned(),
            ),
            _ => (
                path_text(&here)?,
                path_text(&store.root)?,
                path_text(&folder)?,
            ),
        };
        let program = match &options.fisc {
            Some(given) => path_text(Path::new(given))?,
            None => program,
        };
        Ok(Batch {
            name: job_name(&plan.name),
            program,
            plan: format!("{}/plan.json", out.trim_end_matches('/')),
            out,
            folder,
            of,
            shards,
            at_once: options.at_once,
            resources,
            one_run: plan.points.iter().any(|point| point.local_model),
        })
    }

    fn again(&self, store: &Store, what: &str) -> String {
        again(&self.sweep, store, what)
    }
}

impl Submission {
    fn to_slurm(
        mut self,
        sbatch: &Path,
        script: &Path,
        placement: &slurm::Placement,
        again: &str,
    ) -> Result<()> {
        let collect_script = self.store.root.join("cluster/collect.sbatch");
        write_whole(
            &collect_script,
            slurm::collect(&self.batch, placement).as_bytes(),
        )?;
        let printed = output(
            Command::new(sbatch).arg("--parsable").arg(script),
            "sbatch did not take the job",
            script,
        )?;
        let job = slurm::job(&printed)?;
        self.remember(Some(job), None)?;
        let mut collecting = Command::new(sbatch);
        collecting
            .arg("--parsable")
            .arg(format!("--dependency=afterany:{job}"));
        if self.wait {
            collecting.arg("--wait");
        }
        let mut child = collecting
            .arg(&collect_script)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Error::run(format!("starting sbatch: {error}")))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut line)
                .map_err(|error| Error::run(format!("reading from sbatch: {error}")))?;
        }
        let collect = slurm::job(&line).map_err(|error| {
            error.context(format!(
                "job {job} is submitted, the job that collects its tables is not"
            ))
        })?;
        self.remember(Some(job), Some(collect))?;
        let logs = self.store.root.join("cluster/logs");
        print(&format!(
            "Job {job}: {name}, {what}.\nJob {collect} writes the tables of all runs when it has ended, well or not.\n\
             \x20 look     squeue --jobs={job},{collect}\n\
             \x20 logs     {logs}/{job}_*.log, {collect}_collect.log\n\
             \x20 missing  {again}\n",
            name = self.plan.name,
            what = self.batch.in_words(),
            logs = logs.display(),
        ))?;
        // Without --wait this is the end of the submission alone.
        let status = child
            .wait()
            .map_err(|error| Error::run(format!("waiting for sbatch: {error}")))?;
        if !self.wait {
            return match status.success() {
                true => Ok(()),
                false => Err(Error::run(format!("sbatch ended with {status}"))),
            };
        }
        let log = logs.join(format!("{collect}_collect.log"));
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        print(&format!("\n{said}"))?;
        match status.success() {
            true => Ok(()),
            false => Err(Error::run("not every run has finished")
                .value(log.display())
                .allowed(again)),
        }
    }

    fn to_hyperqueue(mut self, hq: &Path, script: &str, again: &str) -> Result<()> {
        let arguments = hyperqueue::arguments(&self.batch, script)?;
        let printed = output(
            Command::new(hq).args(&arguments),
            "hq did not take the job",
            Path::new(script),
        )?;
        let job: u64 = printed
            .trim()
            .parse()
            .map_err(|_| Error::run("hq printed no job number").value(printed.trim()))?;
        self.remember(Some(job), None)?;
        let tables = again_collect(&self);
        print(&format!(
            "HyperQueue's job {job}: {name}, {what}.\n\
             \x20 look     hq job info {job}\n\
             \x20 logs     {logs}/hq-{job}_*\n\
             \x20 missing  {again} (once the job has ended)\n\
             \x20 tables   hq job wait {job}; {tables}\n",
            name = self.plan.name,
            what = self.batch.in_words(),
            logs = self.batch.logs(),
        ))?;
        if !self.wait {
            return Ok(());
        }
        // Its exit code says whether tasks failed; what is missing is found from the files.
        Command::new(hq)
            .args(["job", "wait", &job.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .map_err(|error| Error::run(format!("waiting with hq: {error}")))?;
        collect(&self.store, &self.plan, &self.sweep)
    }

    fn to_kubernetes(mut self, script: &Path, again: &str) -> Result<()> {
        self.remember(None, None)?;
        let tables = again_collect(&self);
        print(&format!(
            "{file}: {name}, {what}. Nothing is submitted.\n\
             \x20 before   the folder {out} on the claim's root (plan.json is what is needed)\n\
             \x20 start    kubectl apply -f {quoted}\n\
             \x20 after    the claim's files back in that folder, then\n\
             \x20 tables   {tables}\n\
             \x20 missing  {again}\n",
            file = script.display(),
            name = self.plan.name,
            what = self.batch.in_words(),
            out = self.store.root.display(),
            quoted = quote::shell(&script.to_string_lossy()),
        ))
    }

    /// Puts this round into the record, or brings it up to date.
    fn remember(&mut self, job: Option<u64>, collect: Option<u64>) -> Result<()> {
        let round = Round {
            job,
            collect,
            shards: self.batch.shards.clone(),
        };
        match self.record.rounds.last_mut() {
            Some(last) if job.is_some() && last.job == job => *last = round,
            _ => self.record.rounds.push(round),
        }
        self.record.write(&record_file(&self.store))
    }
}

/// Writes the tables of what has finished and says what is missing; exit code 1 if anything is.
fn collect(store: &Store, plan: &Plan, sweep: &Path) -> Result<()> {
    store.prepare(plan)?;
    codebook::write(store, plan)?;
    let mut ledger = Ledger::default();
    let tally = ledger.write(store, plan)?;
    if plan.csv {
        csv_twins(store, plan)?;
    }
    let outcomes = ledger.outcomes(store, plan)?;
    let mut text = format!(
        "{}: {} of {} runs have finished",
        plan.name,
        tally.finished,
        plan.runs.len()
    );
    if tally.failed > 0 {
        text.push_str(&format!(", {} failed", tally.failed));
    }
    if tally.pending > 0 {
        text.push_str(&format!(", {} are missing", tally.pending));
    }
    text.push_str(&format!(
        ".\nTables: {root}/runs.parquet, years.parquet/, summary.parquet/\nResults: sha256 {sha}\n",
        root = store.root.display(),
        sha = digest(&outcomes, plan)
    ));
    print(&text)?;
    let open = complete(store, plan)?.iter().filter(|done| !**done).count();
    match open {
        0 => Ok(()),
        open => Err(Error::run(format!(
            "{open} of {} runs are missing, failed, or damaged",
            plan.runs.len()
        ))
        .allowed(format!(
            "{}; why runs failed: column `message` of runs.parquet",
            again(sweep, store, "--resubmit")
        ))),
    }
}

/// Whether each run of the plan is finished and in the tables, from the files alone.
fn complete(store: &Store, plan: &Plan) -> Result<Vec<bool>> {
    let complete: Vec<Result<bool>> = plan
        .runs
        .par_iter()
        .map(|run| Ok(store.need(plan, run, true)? == Need::Nothing))
        .collect();
    complete.into_iter().collect()
}

/// Shards of earlier rounds that Slurm still has in its queue; none where it does not say.
fn queued(record: &Record) -> Result<Vec<usize>> {
    let mut queued = Vec::new();
    if record.engine != Engine::Slurm.name() {
        return Ok(queued);
    }
    for job in record.rounds.iter().filter_map(|round| round.job) {
        let asked = Command::new("squeue")
            .args(["--array", "--noheader", "--format=%K"])
            .arg(format!("--jobs={job}"))
            .stdin(Stdio::null())
            .output();
        if let Ok(asked) = asked {
            queued.extend(slurm::in_queue(&String::from_utf8_lossy(&asked.stdout)));
        }
    }
    queued.sort_unstable();
    queued.dedup();
    Ok(queued)
}

/// Refuses options that mean nothing to the engine, and the lack of those that it needs.
fn fits(engine: Engine, options: &Options, wait: bool) -> Result<()> {
    let of_slurm = [
        ("--partition", options.partition.is_some()),
        ("--account", options.account.is_some()),
        ("--sbatch", !options.sbatch.is_empty()),
    ];
    let of_kubernetes = [
        ("--image", options.image.is_some()),
        ("--claim", options.claim.is_some()),
        ("--mount", options.mount.is_some()),
    ];
    let strangers: Vec<(&str, bool)> = match engine {
        Engine::Slurm => of_kubernetes.to_vec(),
        Engine::Kubernetes => [&of_slurm[..], &[("--wait", wait)]].concat(),
        Engine::Hyperqueue => [
            &of_slurm[..],
            &of_kubernetes,
            &[("--at-once", options.at_once.is_some())],
        ]
        .concat(),
    };
    if let Some((option, _)) = strangers.iter().find(|(_, given)| *given) {
        return Err(Error::input(format!(
            "`{option}` means nothing to {}",
            engine.name()
        )));
    }
    if engine == Engine::Kubernetes {
        for (option, given) in &of_kubernetes[..2] {
            if !given {
                return Err(Error::input(format!("kubernetes needs `{option}`"))
                    .allowed("--image IMAGE --claim NAME"));
            }
        }
    }
    Ok(())
}

fn mount(options: &Options) -> &str {
    options.mount.as_deref().unwrap_or("/sweep")
}

/// A program on the search path.
fn find(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            let (whose, remedy) = match program {
                "sbatch" => (
                    "Slurm",
                    "a login node of the cluster, or Slurm's commands (Debian: slurm-client); \
                     to try it on this machine: scripts/slurm.sh up",
                ),
                _ => (
                    "HyperQueue",
                    "a machine with `hq` on its PATH and a server that it reaches",
                ),
            };
            Error::run(format!("`{program}` of {whose} is not on this machine"))
                .allowed(format!("{remedy}; --dry-run prints the script"))
        })
}

/// What a program prints.
fn output(command: &mut Command, failed: &str, script: &Path) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::run(format!("{failed}: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::run(format!("{failed}: {}", said.trim())).value(script.display()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn record_file(store: &Store) -> PathBuf {
    store.root.join("cluster/submission.json")
}

/// `array.sbatch`, then `array-2.sbatch`, …
fn script_file(store: &Store, engine: Engine, round: usize) -> PathBuf {
    let number = match round {
        1 => String::new(),
        round => format!("-{round}"),
    };
    let name = match engine {
        Engine::Slurm => format!("array{number}.sbatch"),
        Engine::Hyperqueue => format!("task{number}.sh"),
        Engine::Kubernetes => format!("job{number}.yaml"),
    };
    store.root.join("cluster").join(name)
}

fn plan_hash(plan: &Plan) -> Result<String> {
    let text = serde_json::to_string(plan)
        .map_err(|error| Error::run(format!("writing the plan: {error}")))?;
    Ok(crate::run::output::hex(&Sha256::digest(text)))
}

fn jobs_in_words(record: &Record) -> String {
    let jobs: Vec<String> = record
        .rounds
        .iter()
        .filter_map(|round| round.job)
        .map(|job| job.to_string())
        .collect();
    match jobs.is_empty() {
        true => format!("{}, no job", record.engine),
        false => format!("{}, jobs {}", record.engine, jobs.join(", ")),
    }
}

/// The command that goes on with a sweep, as a person would type it.
fn again(sweep: &Path, store: &Store, what: &str) -> String {
    quote::command([
        "fisc",
        "sweep",
        "submit",
        &sweep.to_string_lossy(),
        "--out",
        &store.root.to_string_lossy(),
        what,
    ])
}

fn again_collect(submission: &Submission) -> String {
    again(&submission.sweep, &submission.store, "--collect")
}
