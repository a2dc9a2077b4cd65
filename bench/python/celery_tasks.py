import os

import plain_tasks
from celery import Celery

app = Celery("bench", broker=os.environ["BENCH_REDIS"], backend=os.environ["BENCH_REDIS"])
echo = app.task(name="echo")(plain_tasks.echo)
nap = app.task(name="nap")(plain_tasks.nap)
