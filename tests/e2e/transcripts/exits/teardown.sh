kill $(cat serve.pid)
