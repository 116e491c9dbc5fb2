from antcli.entry import main

main()
