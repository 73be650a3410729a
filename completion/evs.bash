_evs() {
    local IFS=$' \t\n'
    local args cur prev cmd opts arg
    args=("${COMP_WORDS[@]}")
    cur="${COMP_WORDS[COMP_CWORD]}"
    prev="${COMP_WORDS[COMP_CWORD-1]}"
    opts="-h --help --version"

    args=("${args[@]:1}")
    for arg in "${args[@]}"; do
        case "$arg" in
            list)
                cmd="list"
                opts="$opts -h --help --project --region --endpoint --profile --api --volume-id --name-prefix --name-match --metadata --status --exclude --json"
                break
                ;;
            show)
                cmd="show"
                opts="$opts -h --help --project --region --endpoint --profile --api --json"
                break
                ;;
            delete)
                cmd="delete"
                opts="$opts -h --help --name --project --region --endpoint --profile --api --ignore-missing --max-errors --concurrency --rate --wait --no-lock --audit --json"
                break
                ;;
            prune)
                cmd="prune"
                opts="$opts -h --help --keep-last --keep-hourly --keep-daily --keep-weekly --keep-monthly --keep-yearly --keep-within --older-than --group-by --include --orphans --volume-id --name-prefix --name-match --metadata --status --exclude --project --region --endpoint --profile --api --yes --plan --fail-if-empty --max --empty-groups --any-clock --max-errors --concurrency --rate --wait --no-lock --audit --json"
                break
                ;;
            apply)
                cmd="apply"
                opts="$opts -h --help --project --region --endpoint --profile --api --yes --not-before --not-after --any-clock --max-errors --concurrency --rate --wait --no-lock --audit --json"
                break
                ;;
            resume)
                cmd="resume"
                opts="$opts -h --help --project --region --endpoint --profile --api --yes --max-errors --concurrency --rate --wait --no-lock --json"
                break
                ;;
            doctor)
                cmd="doctor"
                opts="$opts -h --help --project --region --endpoint --profile --api"
                break
                ;;
            emulator)
                cmd="emulator"
                opts="$opts -h --help --port --tls-port --metadata-listen --parent"
                break
                ;;
        esac
    done

    case "$cmd" in
        '')
            COMPREPLY=($(compgen -W "list show delete prune apply resume doctor emulator" -- "$cur"))
            ;;
        'list')
            case "$prev" in
                --project)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --region)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --endpoint)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --profile)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api)
                    COMPREPLY=($(compgen -W "v2 v5 cinder" -- "$cur"))
                    return 0
                    ;;
                --volume-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --name-prefix)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --name-match)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --metadata)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --status)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --exclude)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'show')
            case "$prev" in
                --project)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --region)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --endpoint)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --profile)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api)
                    COMPREPLY=($(compgen -W "v2 v5 cinder" -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'delete')
            case "$prev" in
                --name)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --project)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --region)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --endpoint)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --profile)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api)
                    COMPREPLY=($(compgen -W "v2 v5 cinder" -- "$cur"))
                    return 0
                    ;;
                --max-errors)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --concurrency)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --rate)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --audit)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'prune')
            case "$prev" in
                --keep-last)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --keep-hourly)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --keep-daily)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --keep-weekly)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --keep-monthly)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --keep-yearly)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --keep-within)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --older-than)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --group-by)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --include)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --volume-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --name-prefix)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --name-match)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --metadata)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --status)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --exclude)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --project)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --region)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --endpoint)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --profile)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api)
                    COMPREPLY=($(compgen -W "v2 v5 cinder" -- "$cur"))
                    return 0
                    ;;
                --plan)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --max)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --max-errors)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --concurrency)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --rate)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --audit)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'apply')
            case "$prev" in
                --project)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --region)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --endpoint)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --profile)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api)
                    COMPREPLY=($(compgen -W "v2 v5 cinder" -- "$cur"))
                    return 0
                    ;;
                --not-before)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --not-after)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --max-errors)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --concurrency)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --rate)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --audit)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'resume')
            case "$prev" in
                --project)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --region)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --endpoint)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --profile)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api)
                    COMPREPLY=($(compgen -W "v2 v5 cinder" -- "$cur"))
                    return 0
                    ;;
                --max-errors)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --concurrency)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --rate)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'doctor')
            case "$prev" in
                --project)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --region)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --endpoint)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --profile)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api)
                    COMPREPLY=($(compgen -W "v2 v5 cinder" -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'emulator')
            case "$prev" in
                --port)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --tls-port)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --metadata-listen)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --parent)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
    esac

    if [[ "$cur" = -* ]]; then
        COMPREPLY=($(compgen -W "$opts" -- "$cur"))
    fi
}

complete -F _evs -o bashdefault -o default evs
