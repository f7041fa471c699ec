//! Submission to a cluster: what the scripts do when a shell runs them, hostile names, which shards are
//! missing, and `fisc sweep submit` with a recording `sbatch`.

use fisc::sweep::cluster::resources::{self, Memory, Resources, TimeLimit};
use fisc::sweep::cluster::{Batch, hyperqueue, job_name, kubernetes, quote, shards, slurm};
use proptest::prelude::*;
use serde_yaml_ng::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A name with all that shells, Slurm and YAML take for something else.
const HOSTILE: &str = "o ut'; touch pwned; echo \"$(touch pwned)`touch pwned`#%a%%{x}&|<>*~!é";

fn batch(of: usize, shards: Vec<usize>) -> Batch {
    Batch {
        name: job_name("planners"),
        program: "/opt/fisc".to_owned(),
        plan: "/data/out/plan.json".to_owned(),
        out: "/data/out".to_owned(),
        folder: "/data".to_owned(),
        of,
        shards,
        at_once: None,
        resources: Resources {
            time: "02:00:00".parse().unwrap(),
            memory: "4G".parse().unwrap(),
            cpus: 2,
        },
        one_run: false,
    }
}

fn all(of: usize) -> Vec<usize> {
    (1..=of).collect()
}

fn executable(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A folder with a hostile name in it, a program in that which writes down its arguments, and the
/// batch that uses both.
fn hostile(of: usize, shards: Vec<usize>) -> (tempfile::TempDir, Batch) {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join(HOSTILE.replace('/', ""));
    std::fs::create_dir(&inner).unwrap();
    let program = inner.join("fisc");
    executable(
        &program,
        "#!/bin/sh\npwd >> calls\nfor word in \"$@\"; do printf '%s\\n' \"$word\" >> calls; done\n",
    );
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    let batch = Batch {
        program: text(program),
        plan: text(inner.join("plan.json")),
        out: text(inner.join("out")),
        folder: text(inner.clone()),
        ..batch(of, shards)
    };
    (folder, batch)
}

/// What the recording program of [`hostile`] was called with since the last time.
fn calls(batch: &Batch) -> Vec<String> {
    let file = Path::new(&batch.folder).join("calls");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn expected(batch: &Batch, shard: usize) -> Vec<String> {
    let of = batch.of;
    let words = [
        &batch.folder,
        "sweep",
        &batch.plan,
        "--out",
        &batch.out,
        "--shard",
        &format!("{shard}/{of}"),
        "--jobs",
        "2",
        "--threads",
        "1",
        "--quiet",
    ];
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn no_one_was_pwned(folder: &Path, batch: &Batch) {
    for place in [folder, Path::new(&batch.folder), Path::new(".")] {
        assert!(!place.join("pwned").exists(), "{}", place.display());
    }
}

// --- quoting -------------------------------------------------------------------------------------

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Shells give back what was quoted, byte for byte.
    #[test]
    fn shells_read_quoted_words_back(texts in prop::collection::vec("[^\u{0}]{0,20}", 1..8)) {
        let line = format!("printf '%s\\0' {}", quote::command(texts.iter().map(String::as_str)));
        let wanted: String = texts.iter().map(|text| format!("{text}\0")).collect();
        for shell in ["sh", "bash"] {
            let output = Command::new(shell).arg("-c").arg(&line).output().unwrap();
            prop_assert_eq!(&output.stdout, wanted.as_bytes(), "{}: {}", shell, &line);
        }
    }

    /// A YAML parser gives back what was quoted.
    #[test]
    fn yaml_reads_quoted_scalars_back(text in any::<String>()) {
        let value: Value = serde_yaml_ng::from_str(&format!("key: {}", quote::yaml(&text))).unwrap();
        prop_assert_eq!(value["key"].as_str(), Some(text.as_str()));
    }

    /// Each run is in exactly one shard, and exactly the shards with an incomplete run are found.
    #[test]
    fn exactly_the_incomplete_shards_are_found(
        complete in prop::collection::vec(any::<bool>(), 1..300),
        of in 1..40_usize,
    ) {
        let found = shards::incomplete(&complete, of);
        for shard in 1..=of {
            // Every of-th run, beginning with the shard's own number.
            let holds_one = complete.iter().skip(shard - 1).step_by(of).any(|complete| !complete);
            prop_assert_eq!(found.contains(&shard), holds_one, "shard {} of {}", shard, of);
        }
        let covered: usize = (1..=of).map(|s| complete.iter().skip(s - 1).step_by(of).count()).sum();
        prop_assert_eq!(covered, complete.len());
    }

    /// Lists of shards mean what they say.
    #[test]
    fn ranges_list_exactly_the_numbers(numbers in prop::collection::btree_set(1..60_usize, 1..40)) {
        let list: Vec<usize> = numbers.iter().copied().collect();
        let mut read = BTreeSet::new();
        for part in shards::ranges(&list).split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            read.extend(first.parse::<usize>().unwrap()..=last.parse().unwrap());
        }
        prop_assert_eq!(read, numbers);
    }
}

// --- what the scripts do -------------------------------------------------------------------------

#[test]
fn the_array_script_plays_its_shard_and_nothing_else() {
    let (folder, batch) = hostile(8, vec![2, 5, 6, 7]);
    let script = folder.path().join("array.sbatch");
    std::fs::write(&script, slurm::array(&batch, &slurm::Placement::default())).unwrap();
    for shard in &batch.shards {
        let status = Command::new("bash")
            .arg(&script)
            .current_dir("/")
            .env("SLURM_ARRAY_TASK_ID", shard.to_string())
            .status()
            .unwrap();
        assert!(status.success());
        assert_eq!(calls(&batch), expected(&batch, *shard));
    }
    // Outside of Slurm there is no number, and the program must not be called without one.
    let outside = Command::new("bash").arg(&script).output().unwrap();
    assert!(!outside.status.success());
    assert!(!Path::new(&batch.folder).join("calls").exists());
    no_one_was_pwned(folder.path(), &batch);
}

#[test]
fn the_hyperqueue_script_plays_its_shard_and_nothing_else() {
    let (folder, mut batch) = hostile(3, all(3));
    // HyperQueue would replace %{x}: such a path is refused.
    let refused = hyperqueue::arguments(&batch, "s.sh").unwrap_err();
    assert_eq!(refused.exit_code(), 2);
    let plain = folder.path().join("o ut'$(touch pwned)%%");
    std::fs::rename(&batch.folder, &plain).unwrap();
    let swap = |text: &String| text.replace(&batch.folder, plain.to_str().unwrap());
    batch = Batch {
        program: swap(&batch.program),
        plan: swap(&batch.plan),
        out: swap(&batch.out),
        folder: swap(&batch.folder),
        ..batch
    };
    let script = folder.path().join("task.sh");
    let text = hyperqueue::script(&batch, script.to_str().unwrap()).unwrap();
    std::fs::write(&script, text).unwrap();
    for shard in 1..=3 {
        let status = Command::new("bash")
            .arg(&script)
            .env("HQ_TASK_ID", shard.to_string())
            .status()
            .unwrap();
        assert!(status.success());
        assert_eq!(calls(&batch), expected(&batch, shard));
    }
    no_one_was_pwned(folder.path(), &batch);
}

#[test]
fn the_arguments_of_hyperqueue() {
    let arguments =
        hyperqueue::arguments(&batch(10, vec![1, 2, 3, 9]), "/data/out/c/task.sh").unwrap();
    assert_eq!(
        arguments,
        [
            "--output-mode=quiet",
            "submit",
            "--name=fisc-planners",
            "--array=1-3,9",
            "--cpus=2",
            "--resource=mem=4096",
            "--time-limit=7200s",
            "--cwd=/data",
            "--stdout=/data/out/cluster/logs/hq-%{JOB_ID}_%{TASK_ID}.out",
            "--stderr=/data/out/cluster/logs/hq-%{JOB_ID}_%{TASK_ID}.err",
            "--",
            "bash",
            "/data/out/c/task.sh",
        ]
    );
}

/// The directives of a script, by name, as sbatch takes them: up to the first line that is no comment.
fn directives(script: &str) -> Vec<(String, String)> {
    script
        .lines()
        .take_while(|line| line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("#SBATCH --"))
        .map(|rest| {
            let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
            (key.to_owned(), value.to_owned())
        })
        .collect()
}

#[test]
fn the_directives_of_the_array() {
    let placement = slurm::Placement::new(
        Some("long,short"),
        Some("proj-7"),
        &["--gres=gpu:1".to_owned(), "--constraint=[a&b]".to_owned()],
    )
    .unwrap();
    let batch = Batch {
        at_once: Some(3),
        out: "/data/50%/o ut#".to_owned(),
        ..batch(20, vec![1, 2, 3, 7, 20])
    };
    let script = slurm::array(&batch, &placement);
    assert!(script.starts_with("#!/bin/bash\n"));
    let wanted = [
        ("job-name", "fisc-planners"),
        ("array", "1-3,7,20%3"),
        ("nodes", "1"),
        ("ntasks", "1"),
        ("cpus-per-task", "2"),
        ("mem", "4096M"),
        ("time", "02:00:00"),
        ("output", "\"/data/50%%/o ut#/cluster/logs/%A_%a.log\""),
        ("open-mode", "append"),
        ("requeue", ""),
        ("partition", "long,short"),
        ("account", "proj-7"),
        ("gres", "gpu:1"),
        ("constraint", "[a&b]"),
    ];
    let wanted = wanted.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(directives(&script), wanted);
    // The collecting job is no array, and is as placed as the array.
    let collect = directives(&slurm::collect(&batch, &placement));
    assert!(collect.iter().all(|(key, _)| key != "array"));
    assert!(collect.contains(&("partition".to_owned(), "long,short".to_owned())));
}

#[test]
fn the_kubernetes_job_plays_every_shard_once() {
    for (of, list) in [(5, all(5)), (9, vec![2, 3, 8])] {
        let (folder, batch) = hostile(of, list.clone());
        let pods = kubernetes::Pods::new(
            "registry.example:5000/me/fisc:1.0@sha256:ab",
            "sweep-data",
            "/sweep",
        )
        .unwrap();
        let job: Value = serde_yaml_ng::from_str(&kubernetes::job(&batch, &pods, 2)).unwrap();
        assert_eq!(job["apiVersion"], "batch/v1");
        assert_eq!(job["kind"], "Job");
        assert_eq!(job["metadata"]["name"], "fisc-planners-2");
        let spec = &job["spec"];
        assert_eq!(spec["completionMode"], "Indexed");
        assert_eq!(spec["completions"], list.len());
        assert_eq!(spec["parallelism"], list.len());
        assert_eq!(spec["maxFailedIndexes"], list.len());
        let pod = &spec["template"]["spec"];
        // With backoffLimitPerIndex no other policy is allowed.
        assert_eq!(pod["restartPolicy"], "Never");
        assert_eq!(pod["activeDeadlineSeconds"], 7200);
        assert_eq!(
            pod["volumes"][0]["persistentVolumeClaim"]["claimName"],
            "sweep-data"
        );
        let container = &pod["containers"][0];
        assert_eq!(
            container["image"],
            "registry.example:5000/me/fisc:1.0@sha256:ab"
        );
        assert_eq!(container["resources"]["limits"]["memory"], "4096Mi");
        assert_eq!(container["resources"]["limits"]["cpu"], "2");
        assert_eq!(container["volumeMounts"][0]["mountPath"], "/sweep");
        assert_eq!(
            container["volumeMounts"][0]["name"],
            pod["volumes"][0]["name"]
        );
        assert_eq!(container["command"][1], "-c");
        // Kubernetes takes $$ for a dollar, and there is no other one that it could replace.
        let line = container["args"][0].as_str().unwrap();
        let kept = line.replace("$$", "\u{0}");
        assert!(!kept.contains('$'), "{line}");
        let line = kept.replace('\u{0}', "$");
        for (index, shard) in list.iter().enumerate() {
            let status = Command::new(container["command"][0].as_str().unwrap())
                .args(["-c", &line])
                .current_dir(&batch.folder)
                .env("JOB_COMPLETION_INDEX", index.to_string())
                .status()
                .unwrap();
            assert!(status.success());
            assert_eq!(calls(&batch), expected(&batch, *shard));
        }
        no_one_was_pwned(folder.path(), &batch);
    }
}

#[test]
fn names_of_kubernetes_jobs_are_labels() {
    for name in [
        "fisc-A.b_C",
        &job_name(&"x".repeat(90)),
        &format!("fisc-{}", "-".repeat(60)),
    ] {
        for round in [1, 12] {
            let label = kubernetes::name(name, round);
            assert!(label.len() <= 52, "{label}");
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(label.chars().all(fits), "{label}");
            assert!(
                label.starts_with("fisc") && !label.ends_with('-'),
                "{label}"
            );
        }
    }
    assert_ne!(kubernetes::name("fisc-a", 1), kubernetes::name("fisc-a", 2));
}

// --- what users give -----------------------------------------------------------------------------

/// The forms and meanings of sbatch(1).
#[test]
fn time_limits_are_slurms() {
    let hour = 3600;
    for (text, seconds) in [
        ("90", 90 * 60),
        ("02:30", 150),
        ("02:00:00", 2 * hour),
        ("1-12", 36 * hour),
        ("1-12:30", 36 * hour + 1800),
        ("2-00:00:07", 48 * hour + 7),
    ] {
        let limit: TimeLimit = text.parse().unwrap();
        assert_eq!(limit.seconds, seconds, "{text}");
        assert_eq!(limit.slurm().parse::<TimeLimit>().unwrap(), limit, "{text}");
    }
    for text in [
        "", "0", "00:00:00", "1h", "-1", "1:2:3:4", "1-2-3", "1 0", "+5", "1:", ":1", "9999999",
        "1\n2",
    ] {
        assert_eq!(
            text.parse::<TimeLimit>().unwrap_err().exit_code(),
            2,
            "{text:?}"
        );
    }
    assert_eq!(
        "1-02:30:00".parse::<TimeLimit>().unwrap().in_words(),
        "1 d 2 h 30 min"
    );
}

#[test]
fn amounts_of_memory_are_slurms() {
    for (text, mebibytes) in [
        ("4G", 4096),
        ("512M", 512),
        ("512", 512),
        ("1T", 1 << 20),
        ("1500K", 2),
    ] {
        assert_eq!(
            text.parse::<Memory>().unwrap().mebibytes,
            mebibytes,
            "{text}"
        );
    }
    for text in [
        "", "G", "0", "4GB", "4g", "-4G", "1.5G", "4 G", "4GM", "4G\n", "$(id)", "é",
    ] {
        assert_eq!(
            text.parse::<Memory>().unwrap_err().exit_code(),
            2,
            "{text:?}"
        );
    }
}

#[test]
fn names_that_would_leave_the_script_are_refused() {
    let hostile = [
        "", "a b", "a\nb", "a\r", "a;b", "$(id)", "`id`", "a\"b", "a'b", "a#b", "a\\b", "-a", "é",
        "a\0",
    ];
    for text in hostile {
        for (partition, account) in [(Some(text), None), (None, Some(text))] {
            let error = slurm::Placement::new(partition, account, &[]).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{text:?}");
        }
        assert!(
            kubernetes::Pods::new(text, "claim", "/sweep").is_err(),
            "{text:?}"
        );
        assert!(
            kubernetes::Pods::new("image", text, "/sweep").is_err(),
            "{text:?}"
        );
        assert!(
            kubernetes::Pods::new("image", "claim", text).is_err(),
            "{text:?}"
        );
        assert!(resources::name("--x", text, "-").is_err(), "{text:?}");
    }
    for option in [
        "gres=gpu:1",
        "-p x",
        "--gres=gpu:1 --array=1-3",
        "--gres=a\nrm -rf x",
        "--Gres=1",
        "--=1",
        "--",
        "--array=1-3",
        "--arr=1-3",
        "--output=x",
        "--wrap=id",
        "--comment=a#b",
        "--comment=\"x\"",
    ] {
        let error = slurm::Placement::new(None, None, &[option.to_owned()]).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{option:?}");
    }
}

#[test]
fn numbers_of_shards() {
    assert_eq!(shards::number(200, None).unwrap(), 16);
    assert_eq!(shards::number(3, None).unwrap(), 3);
    assert_eq!(shards::number(3, Some(3)).unwrap(), 3);
    for wrong in [0, 4] {
        let error = shards::number(3, Some(wrong)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("1 to 3"), "{error}");
    }
}

#[test]
fn shards_in_words() {
    assert_eq!(shards::in_words(&[1], 1), "1 shard");
    assert_eq!(shards::in_words(&[1, 2, 3], 3), "3 shards");
    assert_eq!(shards::in_words(&[2], 3), "shard 2 of 3");
    assert_eq!(shards::in_words(&[1, 2, 5], 6), "shards 1-2,5 of 6");
}

#[test]
fn what_slurm_prints_is_read() {
    assert_eq!(slurm::job("123\n").unwrap(), 123);
    assert_eq!(slurm::job("123;cluster\n").unwrap(), 123);
    assert!(slurm::job("sbatch: error").is_err());
    assert_eq!(slurm::in_queue("3\n  1\nN/A\n3\n"), [1, 3]);
}

// --- fisc sweep submit ---------------------------------------------------------------------------

/// A small sweep, an output folder, and Slurm's programs as scripts that write down their arguments.
struct Trial {
    folder: tempfile::TempDir,
}

const RUNS: usize = 10;
const SHARDS: usize = 4;

impl Trial {
    fn new() -> Trial {
        let trial = Trial {
            folder: tempfile::tempdir().unwrap(),
        };
        let bin = trial.path("bin");
        std::fs::create_dir(&bin).unwrap();
        // Numbers its jobs from 41.
        executable(
            &bin.join("sbatch"),
            "#!/bin/sh\nfor word in \"$@\"; do printf '%s\\n' \"$word\" >> \"$TRIAL/sbatch\"; done\n\
             if [ -e \"$TRIAL/refuse\" ]; then cat \"$TRIAL/refuse\" >&2; exit 1; fi\n\
             echo x >> \"$TRIAL/jobs\"; echo $((40 + $(wc -l < \"$TRIAL/jobs\")))\n",
        );
        executable(
            &bin.join("squeue"),
            "#!/bin/sh\nfor word in \"$@\"; do printf '%s\\n' \"$word\" >> \"$TRIAL/squeue\"; done\n\
             cat \"$TRIAL/queue\" 2>/dev/null || { echo 'Invalid job id' >&2; exit 1; }\n",
        );
        trial.sweep(RUNS / 2);
        trial
    }

    fn sweep(&self, seeds: usize) {
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/rational.toml");
        let text = format!(
            "name = \"small\"\nbase = {base:?}\nseeds = {seeds}\n[set]\npopulation.size = 20\n\
             record.workers_every = 0\nsteps = 4\ntax_year = 2\n[grid]\n\
             planner.kind = [\"us-2024\", \"saez-static\"]\n"
        );
        std::fs::write(self.path("sweep.toml"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn fisc(&self, words: &[&str]) -> Said {
        let path = format!(
            "{}:{}",
            self.path("bin").display(),
            std::env::var("PATH").unwrap()
        );
        self.fisc_with_path(&path, words)
    }

    fn fisc_with_path(&self, path: &str, words: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_fisc"))
            .args(words)
            .current_dir(&self.folder)
            .env("PATH", path)
            .env("TRIAL", self.folder.path())
            .output()
            .unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn submit(&self, more: &[&str]) -> Said {
        self.fisc(&[&["sweep", "submit", "sweep.toml", "--out", "far"], more].concat())
    }

    /// The words that a program was called with since the last time.
    fn called(&self, program: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(program)).unwrap_or_default();
        let _ = std::fs::remove_file(self.path(program));
        text.lines().map(str::to_owned).collect()
    }

    /// What Slurm does with one task of an array.
    fn play(&self, script: &str, shard: usize) {
        let status = Command::new("bash")
            .arg(self.path("far/cluster").join(script))
            .env("SLURM_ARRAY_TASK_ID", shard.to_string())
            .status()
            .unwrap();
        assert!(status.success(), "{script}, shard {shard}");
    }

    fn array(&self, script: &str) -> String {
        let text = std::fs::read_to_string(self.path("far/cluster").join(script)).unwrap();
        let found = directives(&text)
            .into_iter()
            .find(|(key, _)| key == "array");
        found.unwrap().1
    }

    /// Names of runs in the order of the plan, read without fisc.
    fn runs(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("far/plan.json")).unwrap();
        let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
        let runs = plan["runs"].as_array().unwrap();
        runs.iter()
            .map(|run| run["run"].as_str().unwrap().to_owned())
            .collect()
    }

    fn finished(&self) -> Vec<bool> {
        let there = |run: &String| {
            self.path("far/runs")
                .join(run)
                .join("manifest.json")
                .is_file()
        };
        self.runs().iter().map(there).collect()
    }
}

#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn with(self, code: i32, words: &[&str]) -> Said {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(
                self.out.contains(word) || self.err.contains(word),
                "{word}: {self:?}"
            );
        }
        self
    }
}

/// The hash of all results in what fisc says.
fn sha(said: &Said) -> String {
    let line = said
        .out
        .lines()
        .find(|line| line.starts_with("Results: sha256 "));
    line.unwrap_or_else(|| panic!("{said:?}")).to_owned()
}

#[test]
fn an_array_its_gaps_and_its_collection() {
    let trial = Trial::new();
    let here = trial
        .fisc(&["sweep", "sweep.toml", "--out", "here"])
        .with(0, &[]);
    let said = trial
        .submit(&[
            "--engine",
            "slurm",
            "--shards",
            "4",
            "--partition",
            "short",
            "--time",
            "30",
        ])
        .with(0, &["Job 41", "Job 42", "4 shards", "30 min", "--resubmit"]);
    assert!(said.err.is_empty(), "{said:?}");
    let far = trial.path("far");
    let script = |name: &str| far.join("cluster").join(name).to_str().unwrap().to_owned();
    assert_eq!(
        trial.called("sbatch"),
        [
            "--parsable",
            &script("array.sbatch"),
            "--parsable",
            "--dependency=afterany:41",
            &script("collect.sbatch"),
        ]
    );
    assert_eq!(trial.array("array.sbatch"), "1-4");
    assert_eq!(trial.runs().len(), RUNS);
    // The plan is the one that --plan writes.
    trial
        .fisc(&["sweep", "sweep.toml", "--plan", "plan.json"])
        .with(0, &[]);
    assert_eq!(
        std::fs::read(trial.path("plan.json")).unwrap(),
        std::fs::read(far.join("plan.json")).unwrap()
    );
    // Once more by mistake.
    trial
        .submit(&["--engine", "slurm"])
        .with(2, &["submitted before", "--resubmit"]);
    assert!(trial.called("sbatch").is_empty());

    // Two tasks do their work. Which runs that is follows from the rule of shards alone.
    trial.play("array.sbatch", 1);
    trial.play("array.sbatch", 3);
    let wanted: Vec<bool> = (0..RUNS).map(|p| [0, 2].contains(&(p % SHARDS))).collect();
    assert_eq!(trial.finished(), wanted);
    let done = wanted.iter().filter(|done| **done).count();
    trial.submit(&["--collect"]).with(
        1,
        &[&format!("{done} of 10 runs have finished"), "--resubmit"],
    );

    // A run of shard 1 is lost, a part of the tables of shard 3 is torn, shard 2 is still in the queue.
    std::fs::remove_file(
        far.join("runs")
            .join(&trial.runs()[4])
            .join("manifest.json"),
    )
    .unwrap();
    std::fs::write(
        far.join("years.parquet")
            .join(format!("{}.parquet", trial.runs()[2])),
        "torn",
    )
    .unwrap();
    std::fs::write(trial.path("queue"), "2\nN/A\n").unwrap();
    trial.submit(&["--resubmit", "--mem", "1G"]).with(
        0,
        &[
            "Still in the queue, and left to it: shard 2 of 4",
            "Job 43",
            "shards 1,3-4 of 4",
            "1 GiB, at most 30 min",
        ],
    );
    assert!(trial.called("squeue").contains(&"--jobs=41".to_owned()));
    assert_eq!(trial.array("array-2.sbatch"), "1,3-4");
    let text = std::fs::read_to_string(far.join("cluster/array-2.sbatch")).unwrap();
    assert!(text.contains("#SBATCH --partition=short\n"), "{text}");
    assert_eq!(trial.called("sbatch")[3], "--dependency=afterany:43");
    for shard in [1, 3, 4] {
        trial.play("array-2.sbatch", shard);
    }

    // The queue is empty and shard 2 is not done: its task was killed.
    std::fs::write(trial.path("queue"), "").unwrap();
    trial
        .submit(&["--resubmit"])
        .with(0, &["Job 45", "shard 2 of 4"]);
    assert_eq!(trial.array("array-3.sbatch"), "2");
    trial.play("array-3.sbatch", 2);
    assert!(trial.finished().iter().all(|done| *done));
    let collected = trial
        .submit(&["--collect"])
        .with(0, &["10 of 10 runs have finished"]);
    assert_eq!(sha(&collected), sha(&here));
    for run in trial.runs() {
        for table in ["years.parquet", "summary.parquet"] {
            let part = |out: &str| {
                std::fs::read(trial.path(out).join(table).join(format!("{run}.parquet"))).unwrap()
            };
            assert!(part("here") == part("far"), "{table} of {run}");
        }
    }
    trial.called("sbatch");
    trial
        .submit(&["--resubmit"])
        .with(0, &["nothing to submit"]);
    assert!(trial.called("sbatch").is_empty());

    // The sweep grows while nothing is in the queue: the finished runs stay, and the new ones are missing.
    trial.sweep(RUNS / 2 + 1);
    std::fs::write(trial.path("queue"), "1\n").unwrap();
    trial
        .submit(&["--resubmit"])
        .with(1, &["still in the queue", "scancel"]);
    assert!(trial.called("sbatch").is_empty());
    std::fs::write(trial.path("queue"), "").unwrap();
    trial.submit(&["--resubmit"]).with(0, &["Job 47"]);
    let missing: BTreeSet<usize> = (0..12)
        .filter(|p| !trial.finished()[*p])
        .map(|p| p % SHARDS + 1)
        .collect();
    let missing: Vec<usize> = missing.into_iter().collect();
    assert_eq!(trial.array("array-4.sbatch"), shards::ranges(&missing));
}

#[test]
fn what_is_wrong_is_said_before_anything_is_written() {
    let trial = Trial::new();
    let nothing = |trial: &Trial| {
        assert!(!trial.path("far").exists());
        assert!(trial.called("sbatch").is_empty());
    };
    trial.submit(&[]).with(2, &["--engine"]);
    trial.submit(&["--resubmit"]).with(2, &["never submitted"]);
    trial.submit(&["--collect"]).with(2, &["no sweep"]);
    trial
        .submit(&["--engine", "pbs"])
        .with(2, &["slurm", "hyperqueue", "kubernetes"]);
    trial
        .submit(&["--engine", "slurm", "--shards", "11"])
        .with(2, &["--shards", "11", "1 to 10"]);
    trial
        .submit(&["--engine", "slurm", "--partition", "a\n#SBATCH --uid=0"])
        .with(2, &["--partition"]);
    trial
        .submit(&["--engine", "slurm", "--account", "$(touch pwned)"])
        .with(2, &["--account"]);
    trial
        .submit(&["--engine", "slurm", "--sbatch=--array=1-9"])
        .with(2, &["--sbatch"]);
    trial
        .submit(&["--engine", "slurm", "--time", "soon"])
        .with(2, &["--time", "soon"]);
    trial
        .submit(&["--engine", "slurm", "--mem", "lots"])
        .with(2, &["--mem", "lots"]);
    trial
        .submit(&["--engine", "slurm", "--image", "x"])
        .with(2, &["--image", "slurm"]);
    trial
        .submit(&["--engine", "hyperqueue", "--partition", "x"])
        .with(2, &["--partition", "hyperqueue"]);
    trial
        .submit(&["--engine", "kubernetes"])
        .with(2, &["--image"]);
    trial
        .submit(&[
            "--engine",
            "kubernetes",
            "--image",
            "x",
            "--claim",
            "y",
            "--wait",
        ])
        .with(2, &["--wait"]);
    nothing(&trial);
    // Nothing on the search path.
    let words = ["sweep", "submit", "sweep.toml", "--out", "far", "--engine"];
    for (engine, program) in [("slurm", "sbatch"), ("hyperqueue", "hq")] {
        trial
            .fisc_with_path("/nonexistent", &[&words[..], &[engine]].concat())
            .with(1, &[program, "not on this machine", "--dry-run"]);
        nothing(&trial);
        // A dry run needs no cluster, and is the script.
        let dry = trial
            .fisc_with_path(
                "/nonexistent",
                &[&words[..], &[engine, "--dry-run"]].concat(),
            )
            .with(0, &[]);
        assert!(
            dry.out.starts_with("#!/bin/bash\n") && dry.err.is_empty(),
            "{dry:?}"
        );
        nothing(&trial);
    }
}

#[test]
fn a_refusal_of_slurm_is_passed_on_and_is_no_submission() {
    let trial = Trial::new();
    std::fs::write(
        trial.path("refuse"),
        "sbatch: error: invalid partition specified: x\n",
    )
    .unwrap();
    trial
        .submit(&["--engine", "slurm", "--partition", "x"])
        .with(1, &["invalid partition specified: x", "array.sbatch"]);
    std::fs::write(
        trial.path("refuse"),
        "Batch job submission failed: Invalid job array specification\n",
    )
    .unwrap();
    trial
        .submit(&["--engine", "slurm"])
        .with(1, &["MaxArraySize"]);
    std::fs::remove_file(trial.path("refuse")).unwrap();
    trial.submit(&["--engine", "slurm"]).with(0, &["Job 41"]);
}

#[test]
fn the_kubernetes_file_can_be_written_again_and_follows_the_gaps() {
    let trial = Trial::new();
    let words = [
        "--engine",
        "kubernetes",
        "--image",
        "x",
        "--claim",
        "y",
        "--shards",
        "4",
    ];
    for _ in 0..2 {
        trial
            .submit(&words)
            .with(0, &["kubectl apply -f", "job.yaml"]);
    }
    // A pod has played shards 1, 2 and 4, and the claim's files are back.
    for shard in ["1/4", "2/4", "4/4"] {
        trial
            .fisc(&[
                "sweep",
                "far/plan.json",
                "--out",
                "far",
                "--shard",
                shard,
                "--quiet",
            ])
            .with(0, &[]);
    }
    trial.submit(&["--resubmit"]).with(0, &["job-2.yaml"]);
    let text = std::fs::read_to_string(trial.path("far/cluster/job-2.yaml")).unwrap();
    let job: Value = serde_yaml_ng::from_str(&text).unwrap();
    assert_eq!(job["spec"]["completions"], 1);
    let args = &job["spec"]["template"]["spec"]["containers"][0]["args"][0];
    assert!(args.as_str().unwrap().contains("set -- 3;"), "{args:?}");
}

#[test]
fn what_one_engine_leaves_another_takes_up() {
    let trial = Trial::new();
    let slurm = ["--engine", "slurm", "--shards", "4", "--partition", "x"];
    trial.submit(&slurm).with(0, &["Job 41"]);
    trial.play("array.sbatch", 2);
    let kubernetes = [
        "--resubmit",
        "--engine",
        "kubernetes",
        "--image",
        "x",
        "--claim",
        "y",
        "--shards",
        "4",
    ];
    std::fs::write(trial.path("queue"), "3\n").unwrap();
    trial
        .submit(&kubernetes)
        .with(1, &["slurm, jobs 41, shard 3 of 4", "scancel"]);
    std::fs::write(trial.path("queue"), "").unwrap();
    trial
        .submit(&kubernetes)
        .with(0, &["shards 1,3-4 of 4", "job.yaml"]);
}
