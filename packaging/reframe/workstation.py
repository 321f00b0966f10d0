"""ReFrame's view of a workstation: no scheduler, and podium-mpirun starts the ranks (PODIUM_MPIRUN names another)."""
import os

from reframe.core.backends import register_launcher
from reframe.core.launchers import JobLauncher


@register_launcher("podium-mpirun", local=False)
class PodiumMpirun(JobLauncher):
    def command(self, job):
        return [os.environ.get("PODIUM_MPIRUN", "podium-mpirun"), "-n", str(job.num_tasks)]


site_configuration = {
    "systems": [
        {
            "name": "workstation",
            "descr": "one machine without a scheduler",
            "hostnames": [".*"],
            "partitions": [
                {"name": "local", "scheduler": "local", "launcher": "podium-mpirun", "environs": ["builtin"], "max_jobs": 1}
            ],
        }
    ],
}
