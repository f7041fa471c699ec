//! An Indexed Job for Kubernetes.

use super::{Batch, quote, resources};
use crate::error::{Error, Result};

/// Where the pods find program and folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pods {
    /// Container image with `fisc` in it.
    pub image: String,
    /// Persistent volume claim that all pods can write (ReadWriteMany).
    pub claim: String,
    /// Where the claim is mounted.
    pub mount: String,
}

impl Pods {
    /// Checks what a user gave.
    ///
    /// # Errors
    /// A character that has no place there.
    pub fn new(image: &str, claim: &str, mount: &str) -> Result<Pods> {
        let claim = resources::name("--claim", claim, ".-")?;
        if claim.chars().any(|c| c.is_ascii_uppercase() || c == '_') {
            return Err(Error::input("`--claim`: not the name of a claim")
                .value(claim)
                .allowed("small letters, digits, - and ."));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
        if !mount.starts_with('/') || mount.contains("..") || !mount.chars().all(plain) {
            return Err(Error::input("`--mount`: not such a folder")
                .value(mount)
                .allowed("an absolute path of letters, digits and _ . - /"));
        }
        Ok(Pods {
            image: resources::name("--image", image, "_.,:/@-")?,
            claim,
            mount: mount.to_owned(),
        })
    }
}

/// The Job as YAML. Index i plays the (i + 1)th shard of the batch; a shard that fails is tried three
/// times in all, and others go on (`backoffLimitPerIndex`, Kubernetes 1.29 or later).
pub fn job(batch: &Batch, pods: &Pods, round: usize) -> String {
    let number = batch.shards.len();
    // All shards, or a list of them.
    let command = match number == batch.of {
        true => batch.command("$((JOB_COMPLETION_INDEX + 1))"),
        false => {
            let list: Vec<String> = batch.shards.iter().map(usize::to_string).collect();
            format!(
                "set -- {}; shift \"$JOB_COMPLETION_INDEX\"; {}",
                list.join(" "),
                batch.command("$1")
            )
        }
    };
    // Kubernetes replaces $(NAME) before the shell sees it, and takes $$ for a dollar.
    let command = format!("set -eu; {command}").replace('$', "$$");
    format!(
        "# fisc {version}: {what}.\n\
         # kubectl apply -f this file. The claim holds plan.json and receives the results.\n\
         apiVersion: batch/v1\n\
         kind: Job\n\
         metadata:\n\
         \x20 name: {name}\n\
         spec:\n\
         \x20 completionMode: Indexed\n\
         \x20 completions: {number}\n\
         \x20 parallelism: {parallel}\n\
         \x20 backoffLimitPerIndex: 2\n\
         \x20 maxFailedIndexes: {number}\n\
         \x20 template:\n\
         \x20   metadata:\n\
         \x20     labels:\n\
         \x20       app: fisc\n\
         \x20   spec:\n\
         \x20     restartPolicy: Never\n\
         \x20     activeDeadlineSeconds: {seconds}\n\
         \x20     containers:\n\
         \x20       - name: fisc\n\
         \x20         image: {image}\n\
         \x20         command: [\"/bin/sh\", \"-c\"]\n\
         \x20         args:\n\
         \x20           - {command}\n\
         \x20         workingDir: {mount}\n\
         \x20         resources:\n\
         \x20           requests: {{ cpu: \"{cpus}\", memory: {memory}Mi }}\n\
         \x20           limits: {{ cpu: \"{cpus}\", memory: {memory}Mi }}\n\
         \x20         volumeMounts:\n\
         \x20           - name: sweep\n\
         \x20             mountPath: {mount}\n\
         \x20     volumes:\n\
         \x20       - name: sweep\n\
         \x20         persistentVolumeClaim:\n\
         \x20           claimName: {claim}\n",
        version = env!("CARGO_PKG_VERSION"),
        what = batch.in_words(),
        name = quote::yaml(&name(&batch.name, round)),
        parallel = batch.at_once.unwrap_or(number).min(number),
        seconds = batch.resources.time.seconds,
        image = quote::yaml(&pods.image),
        command = quote::yaml(&command),
        mount = quote::yaml(&pods.mount),
        cpus = batch.resources.cpus,
        memory = batch.resources.memory.mebibytes,
        claim = quote::yaml(&pods.claim),
    )
}

/// A DNS label of at most 52 characters, which leaves room for what a Job adds to the names of its pods.
pub fn name(batch: &str, round: usize) -> String {
    let suffix = match round {
        0 | 1 => String::new(),
        round => format!("-{round}"),
    };
    let mut label: String = batch
        .chars()
        .map(|c| match c.is_ascii_alphanumeric() {
            true => c.to_ascii_lowercase(),
            false => '-',
        })
        .collect();
    label.truncate(52 - suffix.len());
    format!("{}{suffix}", label.trim_end_matches('-'))
}
