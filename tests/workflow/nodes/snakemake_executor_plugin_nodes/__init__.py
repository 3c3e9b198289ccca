"""An executor that gives each job an empty folder, as the nodes of a cloud do.

It has the settings of snakemake-executor-plugin-kubernetes but one: no plugin is installed on a
node, since the image has them. A job gets the code and its inputs from the storage alone.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=True,
    job_deploy_sources=True,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
)


class Executor(RemoteExecutor):
    def __post_init__(self):
        """Nodes know nothing of the folder in which the workflow was started."""
        kept = os.environ["PYTHONPATH"].split(os.pathsep)
        kept = [entry for entry in kept if Path(entry).resolve() != Path.cwd()]
        self.environment = os.environ | {"PYTHONPATH": os.pathsep.join(kept)}
        del self.environment["PWD"]

    def run_job(self, job):
        folder = Path(tempfile.mkdtemp(prefix=f"{job.name}-"))
        command = self.format_job_exec(job)
        (folder / "command").write_text(command)
        with open(folder / "log", "w") as log:
            node = subprocess.Popen(
                ["sh", "-c", command], cwd=folder, stdout=log, stderr=log, env=self.environment
            )
        self.report_job_submission(SubmittedJobInfo(job, aux={"node": node, "folder": folder}))

    async def check_active_jobs(self, active_jobs):
        for job in active_jobs:
            code = job.aux["node"].poll()
            if code is None:
                yield job
            elif code == 0:
                self.report_job_success(job)
            else:
                self.report_job_error(job, msg=(job.aux["folder"] / "log").read_text())

    def cancel_jobs(self, active_jobs):
        for job in active_jobs:
            job.aux["node"].kill()
