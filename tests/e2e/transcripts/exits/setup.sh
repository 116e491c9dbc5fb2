ant agents create --name careful --model claude-sonnet-5-5 --tool '{type: agent_toolset_20260401, default_config: {permission_policy: {type: always_ask}}}'
# A server with a key.
ant serve --port 0 --data-dir served > ready.json 2> serve.log &
echo $! > serve.pid
until grep -qs url ready.json; do kill -0 $!; sleep 0.05; done
sed 's/.*"url": *"\([^"]*\)".*/\1/' ready.json > url
