#compdef evs

_evs() {
  local context state state_descr line
  typeset -A opt_args

  local -a options=(
    {-h,--help}"[Show this help message and exit]"
    "--version[Show the version]"
  )
  _arguments -s -S \
    $options \
    ": :_evs_cmds" \
    "*:: :->args" \
    && return 0

  case $words[1] in
    list)
      options=(
        $options
        {-h,--help}"[Show this help message and exit]"
        "--project[The project, or auto to ask IAM (HUAWEICLOUD_SDK_PROJECT_ID)]: :_files"
        "--region[The region (HUAWEICLOUD_SDK_REGION)]: :_files"
        "--endpoint[EVS's address, in place of the region's (EVS_ENDPOINT)]: :_files"
        "--profile[Take the keys from this section of the credentials file]: :_files"
        "--api[Which API\: v2, v5 or cinder (EVS_API)]: :(v2 v5 cinder)"
        "*--volume-id[Of this volume; may come again]: :_files"
        "--name-prefix[Whose name begins so]: :_files"
        "--name-match[Whose name the Lua pattern finds]: :_files"
        "*--metadata[With this metadata; may come again]: :_files"
        "*--status[In this status; may come again]: :_files"
        "*--exclude[But not this one; may come again]: :_files"
        "--json[Lines of JSON, as EVS shows them]"
      )
      _arguments -s -S \
        $options \
        && return 0
      ;;

    show)
      options=(
        $options
        {-h,--help}"[Show this help message and exit]"
        "--project[The project, or auto to ask IAM (HUAWEICLOUD_SDK_PROJECT_ID)]: :_files"
        "--region[The region (HUAWEICLOUD_SDK_REGION)]: :_files"
        "--endpoint[EVS's address, in place of the region's (EVS_ENDPOINT)]: :_files"
        "--profile[Take the keys from this section of the credentials file]: :_files"
        "--api[Which API\: v2, v5 or cinder (EVS_API)]: :(v2 v5 cinder)"
        "--json[Lines of JSON, as EVS shows them]"
      )
      _arguments -s -S \
        $options \
        "*: :_files" \
        && return 0
      ;;

    delete)
      options=(
        $options
        {-h,--help}"[Show this help message and exit]"
        "--name[The one snapshot of this name, if there is exactly one]: :_files"
        "--project[The project, or auto to ask IAM (HUAWEICLOUD_SDK_PROJECT_ID)]: :_files"
        "--region[The region (HUAWEICLOUD_SDK_REGION)]: :_files"
        "--endpoint[EVS's address, in place of the region's (EVS_ENDPOINT)]: :_files"
        "--profile[Take the keys from this section of the credentials file]: :_files"
        "--api[Which API\: v2, v5 or cinder (EVS_API)]: :(v2 v5 cinder)"
        "--ignore-missing[What does not exist is no failure]"
        "--max-errors[Stop when so many have failed (10)]: :_files"
        "--concurrency[Deletions at a time (16)]: :_files"
        "--rate[At most so many requests a second]: :_files"
        "--wait[Wait until each is gone, three minutes at most]"
        "--no-lock[Do not mind other runs on this project]"
        "--audit[Append a record of all that is done, in lines of JSON]: :_files"
        "--json[Write the record to standard output]"
      )
      _arguments -s -S \
        $options \
        "*: :_files" \
        && return 0
      ;;

    prune)
      options=(
        $options
        {-h,--help}"[Show this help message and exit]"
        "--keep-last[Keep the newest N of each group]: :_files"
        "--keep-hourly[Keep the newest of each of the newest N hours]: :_files"
        "--keep-daily[Keep the newest of each of the newest N days]: :_files"
        "--keep-weekly[Keep the newest of each of the newest N ISO weeks]: :_files"
        "--keep-monthly[Keep the newest of each of the newest N months]: :_files"
        "--keep-yearly[Keep the newest of each of the newest N years]: :_files"
        "--keep-within[Keep what is younger\: 36h, 30d, 8w]: :_files"
        "--older-than[Another word for --keep-within]: :_files"
        "--group-by[What a policy is for each value of (volume_id)]: :_files"
        "--include[Of standard snapshots also these\: auto,copy,frozen,group,unknown]: :_files"
        "--orphans[Judge standard snapshots whose disk is gone, by their age, and no others]"
        "*--volume-id[Of this volume; may come again]: :_files"
        "--name-prefix[Whose name begins so]: :_files"
        "--name-match[Whose name the Lua pattern finds]: :_files"
        "*--metadata[With this metadata; may come again]: :_files"
        "*--status[In this status; may come again]: :_files"
        "*--exclude[But not this one; may come again]: :_files"
        "--project[The project, or auto to ask IAM (HUAWEICLOUD_SDK_PROJECT_ID)]: :_files"
        "--region[The region (HUAWEICLOUD_SDK_REGION)]: :_files"
        "--endpoint[EVS's address, in place of the region's (EVS_ENDPOINT)]: :_files"
        "--profile[Take the keys from this section of the credentials file]: :_files"
        "--api[Which API\: v2, v5 or cinder (EVS_API)]: :(v2 v5 cinder)"
        "--yes[Carry it out]"
        "--plan[Write the plan to a file, for evs apply]: :_files"
        "--fail-if-empty[Exit code 4 if nothing matches]"
        "--max[Delete nothing if it would be more (half of those judged, at least 10)]: :_files"
        "--empty-groups[Let the newest of a group go, too]"
        "--any-clock[Trust this machine's clock, whatever the server's says]"
        "--max-errors[Stop when so many have failed (10)]: :_files"
        "--concurrency[Deletions at a time (16)]: :_files"
        "--rate[At most so many requests a second]: :_files"
        "--wait[Wait until each is gone, three minutes at most]"
        "--no-lock[Do not mind other runs on this project]"
        "--audit[Append a record of all that is done, in lines of JSON]: :_files"
        "--json[Write the plan, or with --yes the record, to standard output]"
      )
      _arguments -s -S \
        $options \
        && return 0
      ;;

    apply)
      options=(
        $options
        {-h,--help}"[Show this help message and exit]"
        "--project[The project, or auto to ask IAM (HUAWEICLOUD_SDK_PROJECT_ID)]: :_files"
        "--region[The region (HUAWEICLOUD_SDK_REGION)]: :_files"
        "--endpoint[EVS's address, in place of the region's (EVS_ENDPOINT)]: :_files"
        "--profile[Take the keys from this section of the credentials file]: :_files"
        "--api[Which API\: v2, v5 or cinder (EVS_API)]: :(v2 v5 cinder)"
        "--yes[Carry it out]"
        "--not-before[Refuse a plan that is younger]: :_files"
        "--not-after[Refuse a plan that is older]: :_files"
        "--any-clock[Trust this machine's clock, whatever the server's says]"
        "--max-errors[Stop when so many have failed (10)]: :_files"
        "--concurrency[Deletions at a time (16)]: :_files"
        "--rate[At most so many requests a second]: :_files"
        "--wait[Wait until each is gone, three minutes at most]"
        "--no-lock[Do not mind other runs on this project]"
        "--audit[Append a record of all that is done, in lines of JSON]: :_files"
        "--json[Write the record to standard output]"
      )
      _arguments -s -S \
        $options \
        ": :_files" \
        && return 0
      ;;

    resume)
      options=(
        $options
        {-h,--help}"[Show this help message and exit]"
        "--project[The project, or auto to ask IAM (HUAWEICLOUD_SDK_PROJECT_ID)]: :_files"
        "--region[The region (HUAWEICLOUD_SDK_REGION)]: :_files"
        "--endpoint[EVS's address, in place of the region's (EVS_ENDPOINT)]: :_files"
        "--profile[Take the keys from this section of the credentials file]: :_files"
        "--api[Which API\: v2, v5 or cinder (EVS_API)]: :(v2 v5 cinder)"
        "--yes[Delete what is still there]"
        "--max-errors[Stop when so many have failed (10)]: :_files"
        "--concurrency[Deletions at a time (16)]: :_files"
        "--rate[At most so many requests a second]: :_files"
        "--wait[Wait until each is gone, three minutes at most]"
        "--no-lock[Do not mind other runs on this project]"
        "--json[Write the record to standard output, too]"
      )
      _arguments -s -S \
        $options \
        ": :_files" \
        && return 0
      ;;

    doctor)
      options=(
        $options
        {-h,--help}"[Show this help message and exit]"
        "--project[The project, or auto to ask IAM (HUAWEICLOUD_SDK_PROJECT_ID)]: :_files"
        "--region[The region (HUAWEICLOUD_SDK_REGION)]: :_files"
        "--endpoint[EVS's address, in place of the region's (EVS_ENDPOINT)]: :_files"
        "--profile[Take the keys from this section of the credentials file]: :_files"
        "--api[Which API\: v2, v5 or cinder (EVS_API)]: :(v2 v5 cinder)"
      )
      _arguments -s -S \
        $options \
        && return 0
      ;;

    emulator)
      options=(
        $options
        {-h,--help}"[Show this help message and exit]"
        "--port[Its port for HTTP; else a free one]: :_files"
        "--tls-port[Its port for TLS; else a free one]: :_files"
        "--metadata-listen[The metadata service at ADDRESS\:PORT, too]: :_files"
        "--parent[End when this process is gone]: :_files"
      )
      _arguments -s -S \
        $options \
        && return 0
      ;;

  esac

  return 1
}

_evs_cmds() {
  local -a commands=(
    "list:List snapshots"
    "show:Show snapshots"
    "delete:Delete the snapshots that are named"
    "prune:Delete what a policy does not keep"
    "apply:Delete what a plan of evs prune says"
    "resume:Settle what an interrupted run left open"
    "doctor:Say what works, what does not, and the cure"
    "emulator:Start an EVS on this machine, for tests"
  )
  _describe "command" commands
}

_evs
