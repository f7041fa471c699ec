//! `fisc sweep submit`: a sweep on a cluster.

mod collect;
mod hand_in;

use super::{print, sweep};
use crate::error::{Error, Result};
use crate::run::tables::write_whole;
use crate::sweep::cluster::record::{Options, Record};
use crate::sweep::cluster::resources::Resources;
use crate::sweep::cluster::{
    Batch, hyperqueue, job_name, kubernetes, path_text, quote, shards, slurm,
};
use crate::sweep::codebook;
use crate::sweep::plan::Plan;
use crate::sweep::store::Store;
use collect::{collect, complete};
use hand_in::{Submission, find, queued};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

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
            && earlier.rounds.iter().any(|round| round.job.is_some())
        {
            return Err(Error::input("this sweep was submitted before")
                .value(jobs_in_words(earlier))
                .allowed("--resubmit, which submits the shards that are not complete"));
        }
        let engine = match (self.engine, &earlier) {
            (Some(engine), _) => engine,
            (None, Some(earlier)) => Engine::read(&earlier.engine)?,
            (None, None) => return Err(Error::input("`--engine` is missing")),
        };
        // What was given to another engine says nothing to this one.
        let repeated =
            (earlier.as_ref()).filter(|earlier| self.resubmit && earlier.engine == engine.name());
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
            let queued = queued(earlier);
            let same = repeated.is_some() && earlier.plan_sha256 == hash && earlier.of == of;
            if !same && !queued.is_empty() {
                return Err(Error::run("tasks of an earlier submission are still in the queue")
                    .value(format!("{}, {}", jobs_in_words(earlier), shards::in_words(&queued, earlier.of)))
                    .allowed("end them first (scancel): their plan, engine, or number of shards is another one"));
            }
            open.retain(|shard| !queued.contains(shard));
            if !queued.is_empty() {
                print(&format!(
                    "Still in the queue, and left to it: {}.\n",
                    shards::in_words(&queued, of)
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
        let rounds = match repeated {
            Some(earlier) => earlier.rounds.clone(),
            None => Vec::new(),
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
                submission.hand_to_slurm(&sbatch, &script, &placement, &again)
            }
            (Engine::Hyperqueue, Some(hq)) => {
                submission.hand_to_hyperqueue(&hq, &script_text, &again)
            }
            _ => submission.hand_to_kubernetes(&script, &again),
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
