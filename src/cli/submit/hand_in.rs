//! Handing a batch to the engines' own programs.

use super::super::print;
use super::collect::collect;
use super::{Engine, again, record_file};
use crate::error::{Error, Result};
use crate::run::tables::write_whole;
use crate::sweep::cluster::record::{Record, Round};
use crate::sweep::cluster::{Batch, hyperqueue, quote, slurm};
use crate::sweep::plan::Plan;
use crate::sweep::store::Store;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A sweep on its way to a cluster.
pub struct Submission {
    /// The sweep as the user named it, for commands in messages.
    pub sweep: PathBuf,
    /// Every run.
    pub plan: Plan,
    /// The output folder.
    pub store: Store,
    /// What is handed in.
    pub batch: Batch,
    /// What was handed in before.
    pub record: Record,
    /// Whether to wait for the end.
    pub wait: bool,
}

impl Submission {
    pub fn hand_to_slurm(
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
            &format!("sbatch does not take {}", script.display()),
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

    pub fn hand_to_hyperqueue(mut self, hq: &Path, script: &str, again: &str) -> Result<()> {
        let arguments = hyperqueue::arguments(&self.batch, script)?;
        let printed = output(
            Command::new(hq).args(&arguments),
            &format!("hq does not take {script}"),
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

    pub fn hand_to_kubernetes(mut self, script: &Path, again: &str) -> Result<()> {
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

/// Shards of earlier rounds that Slurm still has in its queue; none where it does not say.
pub fn queued(record: &Record) -> Vec<usize> {
    let mut queued = Vec::new();
    if record.engine != Engine::Slurm.name() {
        return queued;
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
    queued
}

/// A program on the search path.
pub fn find(program: &str) -> Result<PathBuf> {
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
fn output(command: &mut Command, failed: &str) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::run(format!("{failed}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let error = Error::run(format!("{failed}:\n{}", said.trim()));
    // Slurm's message where an array has more tasks than MaxArraySize.
    Err(match said.contains("job array") {
        true => error.allowed(
            "fewer --shards: `scontrol show config` says MaxArraySize, and the highest is one less",
        ),
        false => error,
    })
}

fn again_collect(submission: &Submission) -> String {
    again(&submission.sweep, &submission.store, "--collect")
}
