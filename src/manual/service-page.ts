import { FaceEvalError } from '../domain/errors.js';
import { lines, type PageHead, seeAlso } from './program-pages.js';
import { bold, example, heading, paragraph, sentence, subheading, tagged, title } from './roff.js';

/**
 * faceeval.service(8): how the service is run.
 *
 * @param unit Text of systemd/faceeval.service, whose limits the page names.
 * @throws FaceEvalError USAGE when the unit has no such setting: the page would tell something else.
 */
export function servicePage(unit: string, head: PageHead): string {
  const setting = (name: string): string => {
    const value = new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1];
    if (value !== undefined) return value;
    throw new FaceEvalError('USAGE', `systemd/faceeval.service has no ${name}=`);
  };
  return lines(
    title('faceeval.service', 8, head),
    heading('NAME'),
    'faceeval.service \\- the face recognition daemon as a systemd service',
    heading('SYNOPSIS'),
    `${bold('systemctl')} start|stop|restart|reload|status ${bold('faceeval')}`,
    heading('DESCRIPTION'),
    paragraph(
      `The service runs \`faceeval run\` as the user \`${setting('User')}\`, with the groups ` +
        `\`${setting('SupplementaryGroups').replaceAll(' ', '` and `')}\` for cameras and GPU, with no ` +
        'capabilities, a read-only file system and only the devices it needs. Settings stand in ' +
        'faceeval-config(5); what differs on one machine belongs in `systemctl edit faceeval`.',
    ),
    paragraph(
      'A camera or a broker that is away is a state, not a failure: the service stays up, says so ' +
        'over MQTT and in its status line, and goes on when they are back.',
    ),
    heading('LIFE'),
    ...life(setting),
    heading('LOG'),
    example(['journalctl -u faceeval -f', 'journalctl -u faceeval -p warning --since today']),
    paragraph('More of it comes with `log.level: debug`.'),
    heading('GALLERY'),
    paragraph(
      'Commands that read or change the gallery of the service run as its user, so that files keep ' +
        'their owner:',
    ),
    example([
      `sudo -u ${setting('User')} faceeval status`,
      `sudo -u ${setting('User')} faceeval watch`,
      `sudo -u ${setting('User')} faceeval identities`,
    ]),
    paragraph(
      'They find `/etc/faceeval/faceeval.yaml` by themselves, unless a `faceeval.yaml` lies in the ' +
        'current folder.',
    ),
    heading('FILES'),
    tagged(bold('/etc/faceeval/faceeval.yaml'), ['Settings, mode 0640.']),
    tagged(bold(`/var/lib/${setting('StateDirectory')}`), [
      sentence(`Gallery, hits, backups, engine caches, mode ${setting('StateDirectoryMode')}.`),
    ]),
    seeAlso('faceeval(1)', 'faceeval-config(5)', 'systemctl(1)', 'journalctl(1)'),
  );
}

function life(setting: (name: string) => string): string[] {
  return [
    subheading('Start'),
    paragraph(
      `The service is up when the models are loaded; \`TimeoutStartSec=${setting('TimeoutStartSec')}\` ` +
        'is extended while they load. The status line says what is going on.',
    ),
    subheading('Watchdog'),
    paragraph(
      `\`WatchdogSec=${setting('WatchdogSec')}\` is fed only while frames are worked on, or a camera ` +
        'is away and asked for again. A daemon that is stuck is started anew.',
    ),
    subheading('Reload'),
    paragraph(
      '`SIGHUP` (`systemctl reload`) makes the daemon read configuration and gallery anew. A wrong ' +
        'configuration is refused and the old one stays; what cannot change while it runs (broker, ' +
        'ports, folders) is named in the log and waits for a restart.',
    ),
    subheading('Stop'),
    paragraph(
      'On `SIGTERM` unsent hits get a few seconds, the state topic says offline, and the vision ' +
        `process ends. After \`TimeoutStopSec=${setting('TimeoutStopSec')}\` seconds all of it is killed; hits ` +
        'are in the database by then and are sent at the next start.',
    ),
    subheading('Failure'),
    paragraph(
      `\`Restart=${setting('Restart')}\` after ${setting('RestartSec')} seconds, for ever, but not after ` +
        `the exit codes ${setting('RestartPreventExitStatus').replace(' ', ' and ')}: a mistake in the ` +
        'configuration has to be corrected first.',
    ),
  ];
}
