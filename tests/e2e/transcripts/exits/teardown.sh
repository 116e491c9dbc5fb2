kill "$(cat serve.pid)"
while ps -o stat= -p "$(cat serve.pid)" | grep -qv Z; do sleep 0.05; done
