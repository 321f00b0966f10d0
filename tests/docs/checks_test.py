#!/usr/bin/env python3
"""The checks themselves: dead references and wrong outputs are found, right ones pass.

usage: checks_test.py [PROJECT BUILD], which are not read
"""
import pathlib
import tempfile
import unittest

import console
import links_test
from pages import anchors, read_page


def page_of(text, folder):
    path = pathlib.Path(folder, "page.md")
    path.write_text(text, encoding="utf-8")
    return read_page(path)


class Links(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        root = pathlib.Path(self.folder.name)
        (root / "src/io").mkdir(parents=True)
        (root / "src/io/idx.hpp").touch()
        (root / "docs").mkdir()
        (root / "docs/other.md").write_text("# One\n\n## Two `words`: (here)\n\n## One\n")
        options = ["train.lr", "model.*.arch", "predict.input", "append"]
        verbs = {"run": [], "train": [], "predict": [], "bench": ["io", "nn"]}
        self.project = links_test.Project(root, verbs, options)

    def found(self, text):
        return [what for _, what in links_test.findings(page_of(text, self.folder.name), self.project)]

    def passes(self, text):
        self.assertEqual(self.found(text), [], text)

    def fails(self, text, what):
        self.assertEqual(self.found(text), [what], text)

    def test_files(self):
        self.passes("[a](docs/other.md) ![b](src/io/idx.hpp) [c](https://example.org/none) `[d](none.md)`")
        self.fails("[a](docs/none.md)", "no file 'docs/none.md'")
        self.fails("[`a`](none.md)", "no file 'none.md'")

    def test_links_over_the_end_of_a_line(self):
        self.passes("one [two\nthree](docs/other.md) `four\n](none.md)`")
        page = page_of("# Top\n\none\n[two\nthree](none.md)\n", self.folder.name)
        self.assertEqual(links_test.findings(page, self.project), [(4, "no file 'none.md'")])

    def test_anchors(self):
        self.passes("# Top\n[a](docs/other.md#two-words-here) [b](docs/other.md#one-1) [c](#top)")
        self.fails("[a](docs/other.md#three)", "no heading '#three' in docs/other.md")
        self.fails("# Top\n[a](#bottom)", "no heading '#bottom' in page.md")

    def test_slugs(self):
        self.assertEqual(anchors(["When it is skipped: `--memo.mode`", "[A](b.md) & Ü_b"]),
                         {"when-it-is-skipped---memomode", "a--ü_b"})

    def test_options(self):
        self.passes("`--train.lr=1`, `--model.cnn.arch`, `--train.*`, `[--section.key=value]`, `PODIUM_TRAIN__LR=1`")
        self.fails("`--train.rl=1`", "no option '--train.rl'")
        self.fails("```\npodium train x.cfg \\\n  --train.none\n```", "no option '--train.none'")
        self.fails("`--nothing.*`", "no option '--nothing.*'")
        self.fails("`PODIUM_TRAIN__RL`", "no option for PODIUM_TRAIN__RL")

    def test_options_without_their_section(self):
        self.passes("`podium predict --input=x --append --help`")
        self.fails("`podium train --input=x`", "no option '--input' of 'podium train'")

    def test_verbs(self):
        self.passes("`podium train x.cfg`, `build/podium bench io`, podium flies, `bin/podium-mpirun`")
        self.fails("`podium fly`", "no verb 'podium fly'")
        self.fails("```\n$ podium bench fly\n```", "nothing called 'podium bench fly'")

    def test_paths(self):
        self.passes("`src/io/`, `io/idx.hpp`, `src/*/idx.*`, `build/none`, `RUN/none.h5`, `docs/other.md`.")
        self.fails("`src/none.cpp`", "no file 'src/none.cpp'")
        self.fails("`io/none.hpp`", "no file 'io/none.hpp'")
        self.fails("```\nscripts/none.sh -n 2\n```", "no file 'scripts/none.sh'")

    def test_lists_of_contents(self):
        docs = pathlib.Path(self.folder.name, "docs")
        (docs / "cli.md").write_text("| `run` | `train [X]` | `predict` | `bench io` |")
        (docs / "README.md").write_text("[cli](cli.md)")
        self.assertEqual(list(links_test.left_out(self.project)),
                         [("docs/cli.md", "verb 'bench nn' is not there"),
                          ("docs/README.md", "page 'other.md' is not there")])

    def test_a_block_without_an_end(self):
        with self.assertRaises(ValueError):
            self.found("```\ntext\n")


class Console(unittest.TestCase):
    def difference(self, block, output):
        page = page_of(block, self.folder)
        (command,) = console.commands(page.blocks[0])
        return console.difference(command, output)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def same(self, shown, got, note=""):
        self.assertIsNone(self.difference(f"{note}\n```console\n$ x\n{shown}\n```\n", got), (shown, got))

    def differs(self, shown, got, note=""):
        self.assertIsNotNone(self.difference(f"{note}\n```console\n$ x\n{shown}\n```\n", got), (shown, got))

    def test_commands(self):
        page = page_of("```console\n$ one\nout\n$ two |\n> three\n```\n", self.folder)
        first, second = console.commands(page.blocks[0])
        self.assertEqual((first.text, first.shown, second.text), ("one", ["out"], "two |\nthree"))

    def test_text(self):
        self.same("a b", "a    b")
        self.differs("a b", "a c")
        self.differs("a", "")
        self.differs("a", "a\nb")
        self.differs("", "a")

    def test_gaps(self):
        self.same("a\n...\nd", "a\nb\nc\nd")
        self.same("a\n...\nd", "a\nd")
        self.same("...", "")
        self.same("...\nd", "c\nd")
        self.differs("a\n...", "b\na")
        self.differs("a\n...\nd", "a\nd\ne")
        self.differs("...\nb\na", "a\nb")
        self.same("say ... to", "say anything to")
        self.differs("say ... to", "say anything at")

    def test_measured_numbers(self):
        self.same("val 0.9006 at 90.06 %", "val 0.8906 at 91.06 %")
        self.differs("val 0.9006", "val 0.8606")
        self.differs("at 90.06 %", "at 86.06 %")
        self.same("loss  0.9516  9 images/s", "loss  0.9416  1234 images/s")

    def test_other_numbers(self):
        self.same('after 0.57 s, 5 images/s, 12.5 % compute, "ms":0.436',
                  'after 9.1 s, 7.5 images/s, 1.0 % compute, "ms":12.0')
        self.differs("128 images", "129 images")
        self.differs("epoch 1/3", "epoch 2/3")
        self.same("12:00:00.000 built 2026-11-29T01:19:45Z 0631ac52e855a1ec",
                  "13:01:02.003 built 2027-01-02T03:04:05Z b57e98bea0b1909e")
        self.differs("12:00:00.000 built", "built")

    def test_words_that_may_be_any(self):
        note = "<!-- any: replica-1 26421856 -->"
        self.same("replica-1 of 26421856", "replica-0 of 12", note)
        self.differs("replica-1 of 26421856", "replica-0 in 12", note)
        self.differs("replica-1", "replica-0")
        self.same("1 of 0.1", "2 of 0.2", "<!-- any: 0 1 -->")

    def test_the_log_is_apart_from_the_rest(self):
        self.same("12:00:00.000 a\ntable\n12:00:00.000 b", "12:00:00.000 a\n12:00:00.000 b\ntable")
        self.differs("12:00:00.000 b\n12:00:00.000 a", "12:00:00.000 a\n12:00:00.000 b")


if __name__ == "__main__":
    unittest.main(argv=["checks_test.py"])
