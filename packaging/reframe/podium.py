"""A scaling study of training with ReFrame: strong and weak, parsed from PODIUM_RESULT (docs/scaling.md).

    reframe -c podium.py -r                               # with your site's configuration
    reframe -C workstation.py -c podium.py -r             # a workstation: podium-mpirun starts the ranks
    reframe -c podium.py -r -P ranks=1,4,16 -S threads=32 -S arguments='/path/to/input.cfg --train.model=cnn'

A data set is ingested once per partition; every run trains from its cache. Figures are kept in ReFrame's
performance logs; a `reference` for your site makes them limits.
"""
import json
import os

import reframe as rfm
import reframe.utility.sanity as sn
from reframe.core.builtins import fixture, parameter, performance_function, run_before, sanity_function, variable


@sn.deferrable
def result_of(stdout):
    """The JSON object of the line that ends every verb."""
    return json.loads(sn.evaluate(sn.extractsingle(r"^PODIUM_RESULT (.*)$", stdout, 1)))


class PodiumCheck(rfm.RunOnlyRegressionTest):
    podium = variable(str, value="podium")
    arguments = variable(str, value="--io.source=fashion_mnist --train.model=cnn --train.epochs=1")
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    sourcesdir = None

    def set_command(self, verb, options):
        self.executable = self.podium
        self.executable_opts = [verb, self.arguments, *options]


class PodiumIngest(PodiumCheck):
    local = True

    @run_before("run")
    def command(self):
        self.set_command("ingest", ["--io.cache_dir=cache", "--run.dir=run"])

    @sanity_function
    def has_records(self):
        return sn.assert_gt(result_of(self.stdout)["records"], 0)


@rfm.simple_test
class PodiumTraining(PodiumCheck):
    descr = "images per second of training by a growing number of ranks"
    mode = parameter(["strong", "weak"], type=str, loggable=True)
    ranks = parameter([1, 2, 4], type=int, loggable=True)
    threads = variable(int, value=1)
    batch = variable(int, value=128)
    data = fixture(PodiumIngest, scope="environment")

    @run_before("setup")
    def size(self):
        self.num_tasks = self.ranks
        self.num_cpus_per_task = self.threads

    @run_before("run")
    def command(self):
        batch = self.batch * (self.num_tasks if self.mode == "weak" else 1)
        cache = os.path.join(self.data.stagedir, "cache")
        self.set_command("train", [f"--train.batch={batch}", f"--train.threads={self.threads}",
                                   f"--io.cache_dir={cache}", "--run.dir=run"])
        if self.job.launcher.registered_name == "srun":
            self.job.launcher.options = ["--mpi=pmix"]  # whatever the site's default is

    @sanity_function
    def trained_by_all(self):
        return sn.assert_eq(result_of(self.stdout)["ranks"], self.num_tasks)

    @performance_function("images/s")
    def images_per_s(self):
        return result_of(self.stdout)["images_per_s"]

    @performance_function("s")
    def train_s(self):
        return result_of(self.stdout)["train_s"]

    @performance_function("1")
    def exposed_comm_share(self):
        return result_of(self.stdout)["exposed_comm_share"]

    @performance_function("1")
    def val_accuracy(self):
        return result_of(self.stdout)["val_accuracy"]
