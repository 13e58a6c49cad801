//! `vecinity lab` from the outside: a question, data, and a page.

mod common;

use common::{answer, circles, refused};
use std::fs;

#[test]
fn questions_are_answered_with_a_page_its_figures_and_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    circles(folder);
    for (question, pictures) in [("activation", ["curves", "hr"]), ("sparse", ["cost", "loss"])] {
        let spent = ["--examples", "4000", "--seeds", "1", "--threads", "2"];
        let told = answer(folder, &[&["lab", question, "clicks.csv", "-o", "lab/new"][..], &spent].concat());
        assert_eq!(told["question"], question);
        assert_eq!(told["files"].as_array().unwrap().len(), 4, "{told}");
        let page = fs::read_to_string(folder.join(format!("lab/new/{question}.md"))).unwrap();
        for picture in pictures {
            let name = format!("{question}-{picture}.svg");
            assert!(page.contains(&format!("]({name})")), "{page}");
            let svg = fs::read_to_string(folder.join("lab/new").join(name)).unwrap();
            assert!(svg.starts_with("<svg xmlns=") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
        let figures = fs::read_to_string(folder.join(format!("lab/new/{question}.json"))).unwrap();
        let figures: serde_json::Value = serde_json::from_str(&figures).unwrap();
        assert_eq!(figures, told["figures"]);
        assert!(figures["arms"].as_array().unwrap().len() >= 3);
        assert!(page.contains(&format!("vecinity lab {question} clicks.csv")), "{page}");
    }
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    circles(folder);
    fs::write(folder.join("short.csv"), "user,item,time\na,x,1\na,y,2\nb,x,1\nb,z,2\n").unwrap();
    fs::write(folder.join("taken"), "").unwrap();
    let cases: [(&[&str], &str); 5] = [
        (&["lab", "activation", "short.csv", "-o", "out"], "--holdout last leaves nothing to test with"),
        (&["lab", "sparse", "clicks.csv", "-o", "taken"], "is a file"),
        (&["lab", "sparse", "clicks.csv", "-o", "out", "--seeds", "0"], "seeds is 0, expected 1 to 100"),
        (&["lab", "activation", "clicks.csv", "-o", "out", "--examples", "5"], "examples is 5"),
        (&["lab", "activation", "clicks.csv", "-o", "out", "--weighted"], "weighted is given"),
    ];
    for (arguments, expected) in cases {
        let message = refused(folder, arguments);
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    assert!(!folder.join("out").exists());
}
