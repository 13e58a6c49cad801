//! What a model folder promises: old or new, never a mix; and a full disk is no accident.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use vecinity::model_dir::Model;
use vecinity::rng::Rng;

/// Tokens of the models: enough for some files and pages.
const TOKENS: usize = 3000;

fn vecinity(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vecinity"));
    command.current_dir(folder).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Vectors that all hold one value.
fn write_vectors(folder: &Path, name: &str, value: f32) {
    let mut text = format!("{TOKENS} 8\n");
    for row in 0..TOKENS {
        text += &format!("t{row}{}\n", format!(" {value}").repeat(8));
    }
    fs::write(folder.join(name), text).unwrap();
}

/// The one value of all vectors of a model.
fn value(path: &Path) -> f32 {
    let model = Model::open(path).unwrap();
    let values = model.embeddings.input().as_slice();
    assert_eq!(values.len(), TOKENS * 8);
    assert!(values.iter().all(|value| *value == values[0]), "a mix of two models");
    values[0]
}

#[test]
fn a_save_that_is_killed_leaves_the_old_model_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("m.model");
    write_vectors(folder.path(), "1.txt", 1.0);
    write_vectors(folder.path(), "2.txt", 2.0);
    let import = |name: &str| vecinity(folder.path(), &["import", name, "-o", "m.model"]);
    let begun = Instant::now();
    assert!(import("1.txt").status().unwrap().success());
    let usual = begun.elapsed();

    let mut rng = Rng::new(7, 0);
    let (mut now, mut killed, mut replaced) = (1.0, 0, 0);
    for _ in 0..200 {
        let next = 3.0 - now;
        let mut child = import(&format!("{next}.txt")).spawn().unwrap();
        std::thread::sleep(usual.mul_f64(1.2 * rng.f64()).min(Duration::from_secs(5)));
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let found = value(&model);
        assert!(found == now || found == next);
        replaced += usize::from(found == next);
        now = found;
    }
    assert!(killed >= 40, "only {killed} of 200 runs were killed before their end");
    assert!(replaced >= 1, "no run came to its end");
    // What was half done lies beside, hidden, and does not stand in the way.
    assert!(import("1.txt").status().unwrap().success());
    assert!(value(&model) == 1.0);
}

/// A file system of `kib` KiB at `path`; `None` where this may not be made.
#[cfg(target_os = "linux")]
fn small_disk(path: &Path, kib: usize) -> Option<Mounted> {
    fs::create_dir(path).unwrap();
    let size = format!("size={kib}k");
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path).stderr(Stdio::null()).status();
    mount.is_ok_and(|status| status.success()).then(|| Mounted(path.to_owned()))
}

#[cfg(target_os = "linux")]
struct Mounted(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_with_code_2_and_the_old_model() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = small_disk(&folder.path().join("disk"), 400) else {
        eprintln!("no file system may be mounted here: skipped");
        return;
    };
    // 3000 x 8 x 4 = 96 kB of vectors: one model has room, a second one beside it while it is written, no third.
    write_vectors(folder.path(), "1.txt", 1.0);
    write_vectors(folder.path(), "2.txt", 2.0);
    let import = |name: &str| {
        let output = vecinity(folder.path(), &["import", name, "-o", "disk/m.model"]).stderr(Stdio::piped()).output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(import("1.txt"), (Some(0), String::new()));
    let model = disk.0.join("m.model");
    fs::write(disk.0.join("ballast"), vec![0u8; 150 << 10]).unwrap();
    let (code, said) = import("2.txt");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("No space left on device") || said.contains("no storage space"), "{said}");
    assert!(value(&model) == 1.0);
    assert_eq!(fs::read_dir(&disk.0).unwrap().count(), 2, "nothing half done stays behind");
    fs::remove_file(disk.0.join("ballast")).unwrap();
    assert_eq!(import("2.txt"), (Some(0), String::new()));
    assert!(value(&model) == 2.0);

    // Training says so before it begins.
    let text: String = (0..20_000).map(|i| format!("w{} ", (i * i) % 997)).collect();
    fs::write(folder.path().join("a.txt"), text).unwrap();
    let train =
        ["train", "a.txt", "-o", "disk/n.model", "--kind", "text", "--min-count", "1", "--dim", "200", "--epochs", "1"];
    let output = vecinity(folder.path(), &train).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("disk/n.model: the disk is too full: "), "{said}");
}
