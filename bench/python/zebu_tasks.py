import plain_tasks
import zebu

app = zebu.App()
echo = app.task(name="echo")(plain_tasks.echo)
nap = app.task(name="nap")(plain_tasks.nap)
